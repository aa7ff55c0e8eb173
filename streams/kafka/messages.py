"""A batch's payload -> its messages one by one.

In pure Python, for stages that work on single records and for records that the compiled
decoder hands back. Layout: Apache Kafka, "Message format", Record.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from streams.columns.payload import Payload
from streams.kafka.batch_header import CorruptBatchError
from streams.kafka.fetched import TP

_MORE = 0x80
_MAX_SHIFT = 63


@dataclass(frozen=True, slots=True)
class AppendTimePayload(Payload):
    """A payload whose records all have the time at which the broker appended them.

    That time is `base_timestamp`; the records' timestamp deltas mean nothing.
    """


@dataclass(frozen=True, slots=True)
class Message:
    """One record with where it came from."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    """Epoch ms."""
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


def messages(tp: TP, payload: Payload, from_offset: int = 0) -> Iterator[Message]:
    """Yield the messages of a payload, from an offset on, in the order of the log.

    Raises:
        CorruptBatchError: a record is malformed; all before it have been yielded.
    """
    buffer, at = bytes(payload.records), 0
    is_append_time = isinstance(payload, AppendTimePayload)
    last = -1
    for index in range(payload.n_records):
        try:
            end, at = _record_end(buffer, at)
            timestamp, at = _varint(buffer, at + 1)  # one byte of unused attributes
            delta, at = _varint(buffer, at)
            key, at = _nullable(buffer, at)
            value, at = _nullable(buffer, at)
            headers, at = _headers(buffer, at)
            _expect(at == end, "its fields do not fill its length")
            _expect(delta > last, f"its offset delta {delta} follows {last}")
        except (IndexError, ValueError) as error:
            cut_off = isinstance(error, IndexError)
            reason = "it ends within a field" if cut_off else str(error)
            raise _malformed(tp, payload, index, last, reason) from error
        last = delta
        offset = payload.base_offset + delta
        if offset >= from_offset:
            stamp = payload.base_timestamp + (0 if is_append_time else timestamp)
            yield Message(tp.topic, tp.partition, offset, stamp, key, value, headers)
    if at != len(buffer):
        reason = f"{len(buffer) - at} bytes are left behind the last record"
        raise _malformed(tp, payload, payload.n_records, last, reason)


def _malformed(
    tp: TP, payload: Payload, index: int, last: int, reason: str
) -> CorruptBatchError:
    return CorruptBatchError(
        f"{tp.topic}-{tp.partition}: record {index} of {payload.n_records} of the "
        f"batch at offset {payload.base_offset}, offset "
        f"{payload.base_offset + last + 1} or later, is malformed: {reason}"
    )


def _expect(holds: bool, reason: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not holds:
        raise ValueError(reason)


def _record_end(buffer: bytes, at: int) -> tuple[int, int]:
    length, at = _varint(buffer, at)
    if not 0 <= length <= len(buffer) - at:
        raise ValueError(f"it says {length} bytes, {len(buffer) - at} are left")
    return at + length, at


def _varint(buffer: bytes, at: int) -> tuple[int, int]:
    """Return a zigzag varint and where it ends; IndexError when it is cut off."""
    byte = buffer[at]
    if byte < _MORE:
        return (byte >> 1) ^ -(byte & 1), at + 1
    bits, shift = byte & 0x7F, 0
    while byte >= _MORE:
        at += 1
        shift += 7
        byte = buffer[at]
        if shift == _MAX_SHIFT and byte > 1:
            raise ValueError("a number of more than 64 bits")
        bits |= (byte & 0x7F) << shift
    return (bits >> 1) ^ -(bits & 1), at + 1


def _nullable(buffer: bytes, at: int) -> tuple[bytes | None, int]:
    """Return bytes and where they end; as in Kafka's client, below 0 is null."""
    length, at = _varint(buffer, at)
    if length < 0:
        return None, at
    return buffer[at : at + length], at + length


def _headers(buffer: bytes, at: int) -> tuple[list[tuple[str, bytes | None]], int]:
    count, at = _varint(buffer, at)
    if count < 0:
        raise ValueError(f"{count} headers")
    headers = []
    for _ in range(count):
        name, at = _nullable(buffer, at)
        if name is None:
            raise ValueError("a header without a name")
        value, at = _nullable(buffer, at)
        headers.append((name.decode(), value))
    return headers, at
