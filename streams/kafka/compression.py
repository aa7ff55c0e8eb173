"""A batch's compressed records section -> its bytes, never more than MAX_BYTES.

The four codecs of Apache Kafka ("Message format", attributes bits 0-2), each by
cramjam, which is what aiokafka uses too. The output is written into a buffer whose size
is ours, so that a bomb of a few kB meets its end and not the machine's memory.
"""

import struct
from collections.abc import Callable
from typing import Any

import cramjam
import numpy as np

from streams.errors import StateError

CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
"""Codec -> its number in a batch's attributes; 0 is no compression."""

MAX_BYTES = 64 * 1024 * 1024
"""Largest records section that is accepted, decompressed."""

_USUAL_RATIO = 8
_LEAST_BYTES = 4096
_SMALL_BYTES = 512 * 1024
_XERIAL_MAGIC = b"\x82SNAPPY\x00"
_XERIAL_HEADER = 16
_BLOCK_LENGTH = struct.Struct(">i")

_Buffer = bytes | memoryview


class CompressionError(StateError):
    """Compressed records cannot be read; the message says why."""


def compress(codec: str, records: _Buffer) -> bytes:
    """Return a records section as Kafka's clients compress it by default.

    Raises:
        CompressionError: there is no such codec.
    """
    if codec not in CODECS:
        raise CompressionError(
            f"no compression {codec!r}: expected one of {', '.join(CODECS)}"
        )
    return _COMPRESSORS[codec](records)


def decompress(codec: int, records: _Buffer) -> memoryview:
    """Return a records section of at most MAX_BYTES, decompressed.

    Args:
        codec: number in the batch's attributes, 1 to 4.
        records: the section as it came.

    Raises:
        CompressionError: it is malformed, too large, or of an unknown codec.
    """
    if codec not in _DECOMPRESSORS:
        raise CompressionError(f"unknown compression {codec}: expected 1 to 4")
    try:
        return _DECOMPRESSORS[codec](records)
    except (cramjam.DecompressionError, struct.error, ValueError) as error:
        raise CompressionError(
            f"{_name(codec)} records of {len(records)} bytes cannot be decompressed "
            f"into at most {MAX_BYTES} bytes: {error}"
        ) from error


def _name(codec: int) -> str:
    return next(name for name, number in CODECS.items() if number == codec)


# -- streams of frames: gzip, lz4, zstd ----------------------------------------------


def _bounded(
    decompress_into: Callable[[_Buffer, Any], int],
) -> Callable[[_Buffer], memoryview]:
    """Return a decompressor that tries a usual output size, then larger ones."""

    def decompress_bounded(records: _Buffer) -> memoryview:
        size = min(max(_USUAL_RATIO * len(records), _LEAST_BYTES), MAX_BYTES)
        while True:
            out = np.empty(size, np.uint8).data  # not zeroed
            try:
                found = out[: decompress_into(records, out)]
                # A small one is cut to size: the allocator then gives the same warm
                # memory to the next batch, and what is kept is dense.
                return found if size > _SMALL_BYTES else memoryview(bytes(found))
            except cramjam.DecompressionError:
                # Malformed input fails here as well: the two look alike.
                if size == MAX_BYTES:
                    raise
                size = min(size * _USUAL_RATIO, MAX_BYTES)

    return decompress_bounded


# -- snappy ----------------------------------------------------------------------------


def _compress_snappy(records: _Buffer) -> bytes:
    return bytes(cramjam.snappy.compress_raw(records))


def _decompress_snappy(records: _Buffer) -> memoryview:
    """Decompress one raw block, or the blocks of the Java client (xerial framing)."""
    if bytes(records[: len(_XERIAL_MAGIC)]) == _XERIAL_MAGIC:
        blocks = _xerial_blocks(memoryview(records))
    else:
        blocks = [memoryview(records)]
    sizes = [cramjam.snappy.decompress_raw_len(block) for block in blocks]
    if sum(sizes) > MAX_BYTES:
        raise ValueError(f"it says that it holds {sum(sizes)} bytes")
    out = np.empty(sum(sizes), np.uint8).data
    end = 0
    for block, size in zip(blocks, sizes, strict=True):
        end += cramjam.snappy.decompress_raw_into(block, out[end : end + size])
    return out[:end]


def _xerial_blocks(records: memoryview) -> list[memoryview]:
    blocks, at = [], _XERIAL_HEADER
    while at < len(records):
        (length,) = _BLOCK_LENGTH.unpack_from(records, at)
        at += _BLOCK_LENGTH.size
        if not 0 < length <= len(records) - at:
            raise ValueError(f"a block of {length} bytes at {at} of {len(records)}")
        blocks.append(records[at : at + length])
        at += length
    return blocks


# -- the table -------------------------------------------------------------------------


def _compress_lz4(records: _Buffer) -> bytes:
    # KIP-57: brokers do not read linked blocks.
    frame = cramjam.lz4.Compressor(level=1, content_checksum=False, block_linked=False)
    frame.compress(records)
    return bytes(frame.finish())


_COMPRESSORS: dict[str, Callable[[_Buffer], bytes]] = {
    "gzip": lambda records: bytes(cramjam.gzip.compress(records, level=6)),
    "snappy": _compress_snappy,
    "lz4": _compress_lz4,
    "zstd": lambda records: bytes(cramjam.zstd.compress(records, level=3)),
}

_DECOMPRESSORS: dict[int, Callable[[_Buffer], memoryview]] = {
    1: _bounded(cramjam.gzip.decompress_into),
    2: _decompress_snappy,
    3: _bounded(cramjam.lz4.decompress_into),
    4: _bounded(cramjam.zstd.decompress_into),
}
