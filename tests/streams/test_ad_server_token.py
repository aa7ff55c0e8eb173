"""Signed links: they come back whole, or not at all."""

import pytest
from hypothesis import given, strategies as st

from streams.ad_server.token import ShownAd, Signer
from streams.errors import RejectedRecordError

SIGNER = Signer(b"0123456789abcdef")
SHOWN = ShownAd("i1", "c1", "u_1", "feed-card", "social", "yoga", "en", True, 1_000)  # noqa: FBT003


@given(
    st.text(max_size=40),
    st.text(max_size=40),
    st.none() | st.text(max_size=20),
    st.booleans(),
    st.integers(0, 2**53),
)
def test_a_token_gives_its_impression_back(impression, creative, category, consent, at):
    shown = ShownAd(
        impression, creative, "u", "speaker", "device", category, "zh", consent, at
    )
    token = SIGNER.token(shown)
    assert SIGNER.shown(token) == shown
    assert token.isascii()
    assert not set(token) & set("/+=?&#%")


@given(st.data())
def test_a_changed_token_is_refused(data):
    token = SIGNER.token(SHOWN)
    at = data.draw(st.integers(0, len(token) - 2))  # the last one has unused bits
    other = data.draw(st.sampled_from("Ab9_-").filter(lambda c: c != token[at]))
    with pytest.raises(RejectedRecordError, match="not a link"):
        SIGNER.shown(token[:at] + other + token[at + 1 :])


@given(st.text(max_size=60) | st.text("abcXYZ019-_", max_size=60))
def test_anything_else_is_refused(token):
    with pytest.raises(RejectedRecordError, match="not a link"):
        SIGNER.shown(token)


def test_a_token_of_another_key_is_refused():
    with pytest.raises(RejectedRecordError):
        Signer(b"fedcba9876543210").shown(SIGNER.token(SHOWN))


def test_a_very_long_token_is_refused_unread():
    with pytest.raises(RejectedRecordError):
        SIGNER.shown("A" * 100_000)
