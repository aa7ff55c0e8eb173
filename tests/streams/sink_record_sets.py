"""Messages -> record sets, as if fetched."""

from streams.columns.batches import records_section
from streams.columns.payload import Payload
from streams.kafka.fetched import TP
from streams.kafka.record_batches import RecordSet
from tests.streams.sink_records import NOW


def record_set(messages, batch_records=5, base_offset=0):
    """Return messages of one partition, in batches of so many, from an offset on."""
    messages = list(messages)
    payloads = [
        _payload(messages[start : start + batch_records], base_offset + start)
        for start in range(0, len(messages), batch_records)
    ]
    end = base_offset + len(messages)
    tp = TP(messages[0].topic, messages[0].partition)
    return RecordSet(tp, tuple(payloads), end, end)


def _payload(messages, base_offset):
    section = records_section((one.key, one.value) for one in messages)
    return Payload(section, len(messages), base_offset, NOW)
