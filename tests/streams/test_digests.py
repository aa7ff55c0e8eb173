"""Digests of a column are those of the standard library, one by one."""

from hashlib import blake2b

import pytest
from hypothesis import given, strategies as st

from streams.columns.ids import digests

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=4), TEXTS)
def test_each_row_has_the_digest_of_its_parts(pairs, word):
    ones, others = [one for one, _ in pairs], [other for _, other in pairs]
    found = digests(len(pairs), [word, ones, others])
    expected = [
        blake2b("\x1f".join((word, *pair)).encode(), digest_size=16).digest()
        for pair in pairs
    ]
    assert found.shape == (len(pairs), 16)
    assert [row.tobytes() for row in found] == expected


def test_parts_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="expected 2 rows"):
        digests(2, ["u", ["one"]])
    with pytest.raises(UnicodeEncodeError):
        digests(1, [["\ud800"]])
