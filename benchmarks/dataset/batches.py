"""Columns of events -> Kafka record batches (magic 2), ready to be produced.

Format: https://kafka.apache.org/documentation/#recordbatch. The timestamps and the
checksum, which covers them, are written when a batch is sent: a topic with a retention
would drop records that pretend to be old.
"""

import gzip
import struct
from collections.abc import Callable, Iterator

import numpy as np
from crc32c import crc32c

from benchmarks.dataset import cells
from benchmarks.dataset.encoding import key_cells, value_cells
from benchmarks.dataset.events import Columns

HEADER = struct.Struct(">qiibIhiqqqhii")
"""Base offset, length, leader epoch, magic, CRC, attributes, last offset delta, base
and maximum timestamp, producer id and epoch, base sequence, number of records."""

_LENGTH_AT, _CRC_AT, _ATTRIBUTES_AT, _TIMES_AT = 8, 17, 21, 27
_COUNT_AT = HEADER.size - 4
_BATCHES_AT_ONCE = 40


def compressor(codec: str) -> tuple[int, Callable[[bytes], bytes]]:
    """Return a codec's number in the batch's attributes, and its function."""
    match codec:
        case "none":
            return 0, bytes
        case "gzip":
            return 1, lambda records: gzip.compress(records, 6)
        case "lz4":
            import lz4.frame  # noqa: PLC0415 - for compressed datasets only

            # Kafka reads independent blocks only.
            return 3, lambda records: lz4.frame.compress(records, block_linked=False)
        case "zstd":
            from backports import zstd  # noqa: PLC0415 - the same

            return 4, lambda records: zstd.compress(records, 3)
    raise ValueError(f"codec {codec!r}: expected none, gzip, lz4 or zstd")


def partition_batches(events: Columns, partition: int) -> Iterator[bytes]:
    """Yield the record batches of one partition, in the order of the log."""
    rows = np.flatnonzero(events.partition_of_user[events.user] == partition)
    size = events.spec.records_per_batch
    for start in range(0, len(rows), size * _BATCHES_AT_ONCE):
        chosen = rows[start : start + size * _BATCHES_AT_ONCE]
        yield from _batches(events, chosen, size)


def _batches(events: Columns, rows: np.ndarray, size: int) -> Iterator[bytes]:
    n = len(rows)
    deltas = cells.varints(np.arange(n) % size)
    value = value_cells(events, rows)
    zero = cells.constant(b"\x00", n)
    body = [
        zero,  # attributes
        zero,  # timestamp delta
        deltas,  # offset delta
        *key_cells(events, rows),
        cells.varints(cells.total_lengths(value)),
        *value,
        zero,  # headers
    ]
    length = cells.varints(cells.total_lengths(body))
    content, lengths = cells.joined([length, *body])
    ends = np.cumsum(lengths)
    number, compress = compressor(events.spec.codec)
    for first in range(0, n, size):
        last = min(first + size, n) - 1
        start = 0 if first == 0 else int(ends[first - 1])
        records = compress(content[start : int(ends[last])].tobytes())
        yield batch_of(records, last - first + 1, number)


def batch_of(records: bytes, n_records: int, codec: int = 0) -> bytes:
    """Return a batch around encoded records, not stamped yet."""
    n_bytes = HEADER.size - _LENGTH_AT - 4 + len(records)
    return (
        HEADER.pack(
            0, n_bytes, -1, 2, 0, codec, n_records - 1, 0, 0, -1, -1, -1, n_records
        )
        + records
    )


def stamped(batch: bytes | bytearray | memoryview, now_ms: int) -> bytes:
    """Return a batch with its timestamps and its checksum."""
    out = bytearray(batch)
    struct.pack_into(">qq", out, _TIMES_AT, now_ms, now_ms)
    struct.pack_into(">I", out, _CRC_AT, crc32c(memoryview(out)[_ATTRIBUTES_AT:]))
    return bytes(out)


def split(log: memoryview) -> Iterator[memoryview]:
    """Yield the batches of a run of batches."""
    at = 0
    while at < len(log):
        (length,) = struct.unpack_from(">i", log, at + _LENGTH_AT)
        yield log[at : at + _LENGTH_AT + 4 + length]
        at += _LENGTH_AT + 4 + length


def n_records(batch: memoryview) -> int:
    """Return the number of records in a batch."""
    (count,) = struct.unpack_from(">i", batch, _COUNT_AT)
    return int(count)
