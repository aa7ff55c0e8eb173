import pytest
from hypothesis import given, strategies as st

from streams.errors import RejectedRecordError
from streams.kafka.dead_letters import Origin, dead_letter, dead_letter_topic, origin_of


def test_a_dead_letter_keeps_key_and_bytes_untouched():
    letter = dead_letter("t", 1, 2, b"\xff", b"\x00\xfe", "texts", "truncated")

    assert (letter.key, letter.value) == (b"\xff", b"\x00\xfe")
    assert letter.topic == dead_letter_topic("t") == "dlq.t"


@given(
    st.integers(0, 2**31 - 1),
    st.integers(0, 2**63 - 1),
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200),
)
def test_the_headers_tell_where_it_came_from_and_why(partition, offset, reason):
    letter = dead_letter("ads.text.v1", partition, offset, None, b"x", "texts", reason)

    assert origin_of(letter.headers) == Origin(
        "ads.text.v1", partition, offset, "texts", reason
    )


def test_headers_are_named_like_those_of_kafka_connect():
    names = [name for name, _ in dead_letter("t", 0, 0, None, None, "s", "r").headers]

    assert "__connect.errors.topic" in names
    assert "__connect.errors.exception.message" in names


def test_a_long_reason_is_cut():
    letter = dead_letter("t", 0, 0, None, None, "s", "x" * 10_000)

    assert len(origin_of(letter.headers).reason) == 1_000


def test_a_record_without_the_headers_is_no_dead_letter():
    with pytest.raises(RejectedRecordError, match="expected the headers"):
        origin_of([("other", b"1")])
