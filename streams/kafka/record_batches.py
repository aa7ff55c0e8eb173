"""One partition's fetch -> checked, decompressed payloads, and where to go on.

Nothing is skipped silently: what fails its CRC or cannot be true raises. What is left
out is what Apache Kafka's consumer leaves out with read_committed: control batches and
batches of aborted transactions; and a last batch that the fetch cut off.
"""

import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from crc32c import crc32c

from streams.columns.payload import Payload
from streams.kafka.batch_header import (
    APPEND_TIME,
    CODEC_MASK,
    CONTROL,
    CRC_END,
    HEADER,
    LEAST_RECORD,
    LENGTH_END,
    MAGIC,
    MAGIC_AT,
    TRANSACTIONAL,
    BatchHeader,
    CorruptBatchError,
    seal,
)
from streams.kafka.compression import CompressionError, decompress
from streams.kafka.fetched import TP, Fetched
from streams.kafka.messages import (
    AppendTimePayload,
    Message,
    messages,
)

__all__ = [
    "CorruptBatchError",
    "Message",
    "RecordSet",
    "messages",
    "parse",
    "seal",
]

_CONTROL_KEY = struct.Struct(">hh")
_ABORT = 0

MOST_AHEAD = 1 << 20
"""Offsets that a batch may end behind the high watermark of its fetch: Apache Kafka
notes the mark before it reads, and what is appended in between comes along
(kafka.cluster.Partition, `readRecords`)."""


@dataclass(frozen=True, slots=True)
class RecordSet:
    """What one fetch brought for one partition, checked."""

    tp: TP
    payloads: tuple[Payload, ...]
    next_offset: int
    """Position after everything in it."""
    high_watermark: int

    def messages(self, from_offset: int = 0) -> Iterator[Message]:
        """Yield its messages one by one, from an offset on.

        Raises:
            CorruptBatchError: a record is malformed; those before it were yielded.
        """
        for payload in self.payloads:
            yield from messages(self.tp, payload, from_offset)


def parse(fetched: Fetched) -> RecordSet:
    """Return the payloads of a fetch; uncompressed ones are views into it.

    The first payload may begin before the position: callers skip records by offset.

    Raises:
        CorruptBatchError: a batch fails its CRC, has an impossible header, does not
            decompress, is of a format before version 2, or is larger than the fetch.
    """
    payloads = []
    next_offset = fetched.position
    aborted = _AbortedTransactions(fetched.aborted)
    for header, batch in _complete_batches(fetched):
        if header.next_offset <= fetched.position:
            continue
        next_offset = header.next_offset
        _check(fetched, header, batch)
        if header.attributes & CONTROL:
            aborted.end(fetched.tp, header, batch)
        elif header.n_records and not aborted.hold(header):
            payloads.append(_payload(fetched.tp, header, batch))
    return RecordSet(fetched.tp, tuple(payloads), next_offset, fetched.high_watermark)


class _AbortedTransactions:
    """Which producers' batches to leave out, as the log is read (KIP-98).

    A transaction opens at its first offset and ends at the producer's abort marker.
    """

    def __init__(self, aborted: tuple[tuple[int, int], ...]) -> None:
        self._ahead = deque(sorted(aborted, key=lambda listed: listed[1]))
        self._open: set[int] = set()

    def hold(self, header: BatchHeader) -> bool:
        """Return whether a batch belongs to a transaction that was aborted."""
        self._open_up_to(header.base_offset)
        is_transactional = bool(header.attributes & TRANSACTIONAL)
        return is_transactional and header.producer_id in self._open

    def end(self, tp: TP, header: BatchHeader, batch: memoryview) -> None:
        """Note a control batch: its abort marker ends the producer's transaction."""
        self._open_up_to(header.base_offset)
        if header.producer_id in self._open and _is_abort(tp, header, batch):
            self._open.discard(header.producer_id)

    def _open_up_to(self, offset: int) -> None:
        while self._ahead and self._ahead[0][1] <= offset:
            self._open.add(self._ahead.popleft()[0])


def _is_abort(tp: TP, header: BatchHeader, batch: memoryview) -> bool:
    for message in messages(tp, _payload(tp, header, batch)):
        key = message.key or b""
        if len(key) < _CONTROL_KEY.size:
            raise _corrupt(tp, header, f"its control record has the key {key!r}")
        return bool(_CONTROL_KEY.unpack_from(key)[1] == _ABORT)
    return False


# -- batches and their checks ----------------------------------------------------------


def _complete_batches(fetched: Fetched) -> Iterator[tuple[BatchHeader, memoryview]]:
    """Yield header and bytes of every batch that is not cut off, in rising order."""
    data, at, lowest = memoryview(fetched.data), 0, 0
    while len(data) - at >= HEADER.size:
        if data[at + MAGIC_AT] != MAGIC:
            raise _unreadable(fetched, at)
        header = BatchHeader._make(HEADER.unpack_from(data, at))
        end = at + LENGTH_END + header.length
        if header.length < HEADER.size - LENGTH_END:
            raise _corrupt(fetched.tp, header, f"it says {header.length} bytes")
        if end > len(data):
            break
        if header.base_offset < lowest or header.last_offset_delta < 0:
            raise _corrupt(
                fetched.tp,
                header,
                f"last offset delta {header.last_offset_delta}, and the batch before "
                f"it ends at offset {lowest}",
            )
        yield header, data[at:end]
        at, lowest = end, header.next_offset
    if at == 0 and data:
        raise CorruptBatchError(
            f"{fetched.tp.topic}-{fetched.tp.partition}: the first batch from offset "
            f"{fetched.position} is longer than the {len(data)} bytes fetched: "
            "expected at least one whole batch, as Kafka sends since fetch version 3"
        )


def _check(fetched: Fetched, header: BatchHeader, batch: memoryview) -> None:
    crc = crc32c(batch[CRC_END:])
    if crc != header.crc:
        raise _corrupt(
            fetched.tp, header, f"expected CRC {header.crc:#010x}, got {crc:#010x}"
        )
    if header.next_offset > fetched.high_watermark + MOST_AHEAD:
        raise _corrupt(
            fetched.tp,
            header,
            f"it ends at offset {header.next_offset}, far behind the partition's high "
            f"watermark {fetched.high_watermark}",
        )
    if not 0 <= header.n_records <= header.last_offset_delta + 1:
        raise _corrupt(
            fetched.tp,
            header,
            f"{header.n_records} records in {header.last_offset_delta + 1} offsets",
        )


def _payload(tp: TP, header: BatchHeader, batch: memoryview) -> Payload:
    records = batch[HEADER.size :]
    if codec := header.attributes & CODEC_MASK:
        try:
            records = decompress(codec, records)
        except CompressionError as error:
            raise _corrupt(tp, header, str(error)) from error
    if header.n_records > len(records) // LEAST_RECORD:
        raise _corrupt(
            tp, header, f"{header.n_records} records in {len(records)} bytes"
        )
    if header.attributes & APPEND_TIME:
        return AppendTimePayload(
            records, header.n_records, header.base_offset, header.max_timestamp
        )
    return Payload(records, header.n_records, header.base_offset, header.base_timestamp)


def _corrupt(tp: TP, header: BatchHeader, reason: str) -> CorruptBatchError:
    return CorruptBatchError(
        f"{tp.topic}-{tp.partition}: the batch at offset {header.base_offset} is "
        f"corrupt: {reason}"
    )


def _unreadable(fetched: Fetched, at: int) -> CorruptBatchError:
    magic = memoryview(fetched.data)[at + MAGIC_AT]
    return CorruptBatchError(
        f"{fetched.tp.topic}-{fetched.tp.partition}: a batch after offset "
        f"{fetched.position} has message format {magic}: expected 2 (Apache Kafka 0.11 "
        "and later); let the broker rewrite older segments"
    )
