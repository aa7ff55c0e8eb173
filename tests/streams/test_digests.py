"""Digests of a column are those of the standard library, one by one."""

from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given, strategies as st

from streams.columns import compiled
from streams.columns.digests import digests_in_python

needs_compiled = pytest.mark.skipif(
    compiled.DIGESTS is None, reason="the compiled modules are not built"
)
WAYS = [
    digests_in_python,
    pytest.param(getattr(compiled.DIGESTS, "digests", None), marks=needs_compiled),
]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@pytest.mark.parametrize("digests", WAYS)
@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=4), TEXTS)
def test_each_row_has_the_digest_of_its_parts(digests, pairs, word):
    ones, others = [one for one, _ in pairs], [other for _, other in pairs]
    found = digests(len(pairs), [word, ones, others])
    expected = [
        blake2b("\x1f".join((word, *pair)).encode(), digest_size=16).digest()
        for pair in pairs
    ]
    assert found.shape == (len(pairs), 16)
    assert [row.tobytes() for row in found] == expected


@pytest.mark.parametrize("digests", WAYS)
def test_every_length_around_a_block_is_hashed_alike(digests):
    lengths = [*range(120, 140), *range(250, 262), 383, 384, 385, 1_000]
    texts = ["é" + "x" * (n - 2) for n in lengths]
    expected = [blake2b(t.encode(), digest_size=16).digest() for t in texts]
    assert [row.tobytes() for row in digests(len(texts), [texts])] == expected
    assert np.array_equal(digests(1, []), digests(1, [""]))


@pytest.mark.parametrize("digests", WAYS)
def test_parts_that_do_not_fit_are_refused(digests):
    with pytest.raises(ValueError, match="expected 2 rows"):
        digests(2, ["u", ["one"]])
    with pytest.raises(UnicodeEncodeError):
        digests(1, [["\ud800"]])
