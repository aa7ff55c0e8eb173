"""61 bytes -> the header of a version 2 record batch, and back.

Layout: Apache Kafka, "Message format", Record Batch. The CRC covers what follows it:
neither the base offset nor the length, so those are checked against what is known.
"""

import struct
from typing import NamedTuple

from crc32c import crc32c

from streams.errors import StateError
from streams.kafka.compression import CODECS, compress

MAGIC = 2
HEADER = struct.Struct(">qiibIhiqqqhii")
LENGTH_END = 12
"""A batch's length counts what follows here."""
MAGIC_AT = 16
CRC_AT = 17
CRC_END = 21
"""The CRC covers what follows here."""

LEAST_RECORD = 7
"""Bytes of a record without key, value and headers."""

CODEC_MASK = 0x07
APPEND_TIME = 0x08
TRANSACTIONAL = 0x10
CONTROL = 0x20

_BEFORE_CRC = struct.Struct(">qiib")
_CRC = struct.Struct(">I")
_AFTER_CRC = struct.Struct(">hiqqqhii")
_LEADER_EPOCH = -1
_PRODUCER_AT = 43
_PRODUCER = struct.Struct(">qhi")
_NONE = -1


class CorruptBatchError(StateError):
    """What a broker sent is not what a producer sealed: fetch it again, then end."""


class BatchHeader(NamedTuple):
    """Header of a record batch, in the order of the wire."""

    base_offset: int
    length: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    base_timestamp: int
    """Epoch ms."""
    max_timestamp: int
    """Epoch ms."""
    producer_id: int
    producer_epoch: int
    base_sequence: int
    n_records: int

    @property
    def next_offset(self) -> int:
        """Return the offset after the batch, whatever compaction left of it."""
        return self.base_offset + self.last_offset_delta + 1


def seal(
    records: bytes | memoryview,
    n_records: int,
    *,
    base_timestamp: int,
    max_timestamp: int | None = None,
    compression: str | None = None,
    base_offset: int = 0,
    transactional: bool = False,
) -> bytes:
    """Return a record batch around a records section, ready to be produced.

    Args:
        records: `n_records` records whose offset deltas are 0, 1, 2 ...
        n_records: at least 1.
        base_timestamp: epoch ms that the records' timestamp deltas are added to.
        max_timestamp: of the records; theirs have delta 0 when it is left out.
        compression: gzip, snappy, lz4, zstd or None.
        base_offset: brokers replace it.
        transactional: the producer is in a transaction.

    Raises:
        ValueError: there cannot be that many records in it.
        CompressionError: there is no such codec.
    """
    if not 0 < n_records <= len(records) // LEAST_RECORD:
        raise ValueError(f"{len(records)} bytes do not hold {n_records} records")
    attributes = TRANSACTIONAL if transactional else 0
    body = records
    if compression is not None:
        body = compress(compression, bytes(records))
        attributes |= CODECS[compression]
    checked = _AFTER_CRC.pack(
        attributes,
        n_records - 1,
        base_timestamp,
        base_timestamp if max_timestamp is None else max_timestamp,
        _NONE,
        _NONE,
        _NONE,
        n_records,
    )
    length = CRC_END - LENGTH_END + len(checked) + len(body)
    before = _BEFORE_CRC.pack(base_offset, length, _LEADER_EPOCH, MAGIC)
    crc = _CRC.pack(crc32c(body, crc32c(checked)))
    return b"".join((before, crc, checked, body))


def with_producer(
    batch: bytes, producer_id: int, producer_epoch: int, base_sequence: int
) -> bytes:
    """Return a sealed batch as an idempotent producer's, with its sequence number."""
    sealed = bytearray(batch)
    _PRODUCER.pack_into(
        sealed, _PRODUCER_AT, producer_id, producer_epoch, base_sequence
    )
    _CRC.pack_into(sealed, CRC_AT, crc32c(memoryview(sealed)[CRC_END:]))
    return bytes(sealed)
