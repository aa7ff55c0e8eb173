"""Pseudonyms: keyed, stable, and never hashed twice."""

import pytest
from hypothesis import given, strategies as st

from streams.admission.pseudonym import is_pseudonym, pseudonymise
from streams.errors import ConfigurationError

KEY = b"0123456789abcdef"


@given(st.text())
def test_a_pseudonym_has_one_form_and_comes_back_as_it_is(user_id):
    pseudonym = pseudonymise(user_id, KEY)
    assert is_pseudonym(pseudonym)
    assert len(pseudonym) == 28
    assert pseudonymise(pseudonym, b"quite another secret key") == pseudonym


@given(st.sets(st.text(), min_size=2, max_size=50))
def test_different_people_get_different_pseudonyms(user_ids):
    assert len({pseudonymise(user_id, KEY) for user_id in user_ids}) == len(user_ids)


def test_another_key_gives_another_pseudonym():
    assert pseudonymise("anna", KEY) != pseudonymise("anna", b"fedcba9876543210")


@pytest.mark.parametrize(
    "near", ["u_", "u_" + "a" * 25, "u_" + "A" * 26, "u_" + "1" * 26]
)
def test_what_only_looks_like_a_pseudonym_is_hashed(near):
    assert pseudonymise(near, KEY) != near


@pytest.mark.parametrize("key", [b"", b"short", b"x" * 65])
def test_a_key_of_the_wrong_length_is_refused(key):
    with pytest.raises(ConfigurationError, match="16 to 64"):
        pseudonymise("anna", key)
