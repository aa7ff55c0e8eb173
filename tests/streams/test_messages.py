import pytest

from streams.columns.batches import records_section
from streams.columns.payload import Payload
from streams.kafka.fetched import TP
from streams.kafka.record_batches import (
    CorruptBatchError,
    messages,
    seal,
)

TP0 = TP("ads.behavior.v1", 0)
NOW = 1_700_000_000_000


@pytest.mark.parametrize(
    ("section", "reason"),
    [
        (b"\x02" + bytes(8), "do not fill its length"),
        (b"\x0c\0\0\0\x04k\0", "ends within a field"),
        (b"\x7e\0\0\0\1\1\0\0\0", "it says 63 bytes, 8 are left"),
        (b"\x01\0\0\0\1\1\0\0\0", "it says -1 bytes"),
        (b"\x10\0\0\0\1\1\x01\0\0", "-1 headers"),
        (b"\x10\0\0\0\1\1\x02\1\0", "without a name"),
        (b"\x0c\0\0\1\1\1\0", "offset delta -1 follows -1"),
        (b"\x0c\0\0\0\1\1\0\0\0", "2 bytes are left"),
        (b"\xff" * 9 + b"\x02", "more than 64 bits"),
    ],
)
def test_a_malformed_record_is_an_error_that_says_where(section, reason):
    payload = Payload(section, 1, 500, NOW)
    with pytest.raises(CorruptBatchError, match=reason) as raised:
        list(messages(TP0, payload))
    assert "batch at offset 500" in str(raised.value)


def test_the_records_before_a_malformed_one_are_yielded():
    section = records_section([(b"a", b"1"), (b"b", b"2")])[:-1]
    found = messages(TP0, Payload(section, 2, 7, NOW))
    assert next(found).offset == 7
    with pytest.raises(CorruptBatchError, match=r"record 1 of 2 .* offset 8 or later"):
        next(found)


def test_a_batch_seals_only_as_many_records_as_it_can_hold():
    with pytest.raises(ValueError, match="do not hold 2 records"):
        seal(records_section([(None, None)]), 2, base_timestamp=NOW)
    with pytest.raises(ValueError, match="0 records"):
        seal(b"", 0, base_timestamp=NOW)
