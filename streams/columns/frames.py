"""Records of a payload -> where their keys and values are: the framing, in Python.

Only the length of each record is read one after the other: where the next begins. The
rest is read for all records at once.
"""

import numpy as np

from streams.columns.columns import Ints
from streams.columns.reader import CONTINUED, Reader
from streams.columns.vectors import Bytes, Flags, padded

MAX_DELTA = 2**31 - 1
_LONG_BITS = 64

Frame = tuple[int, int, int]
"""(offset delta, span of the key, span of the value)."""


def frames(content: bytes, n_records: int) -> list[Frame]:
    """Return the frames of a payload, fewer than asked for when the rest is broken."""
    table, good = read_frames(padded(content), bounds(content, n_records))
    n_framed = len(good) if good.all() else int(np.argmin(good))
    return [(delta, key, value) for delta, key, value in table[:n_framed].tolist()]


def read_frames(content: Bytes, bounds: Ints) -> tuple[Ints, Flags]:
    """Return (offset delta, key, value) of records [n, 3], and which are not broken.

    Format: Apache Kafka, "Message format", record: attributes, timestamp delta, offset
    delta, key, value, headers; numbers are zigzag varints.

    Args:
        content: padded bytes.
        bounds: where each record begins, behind its length, and ends [n, 2].
    """
    reader = Reader(content, bounds[:, 0] + 1)
    reader.varint()
    delta = reader.varint()
    key = reader.nullable_span()
    value = reader.nullable_span()
    good = reader.good & (delta >= 0) & (delta <= MAX_DELTA)
    return np.stack([delta, key, value], axis=1), good & (reader.at <= bounds[:, 1])


def bounds(content: bytes, n_records: int) -> Ints:
    """Return where records begin, behind their length, and end [n, 2].

    Fewer than `n_records` when a length does not fit.
    """
    found: list[int] = []
    at, last = 0, len(content)
    for _ in range(n_records):
        if at >= last:
            break
        byte = content[at]
        if byte < CONTINUED:
            zigzag, at = byte, at + 1
        elif at + 1 < last and (second := content[at + 1]) < CONTINUED:
            zigzag, at = byte & 127 | second << 7, at + 2
        else:
            zigzag, at = _long(content, at, last)
        end = at + (zigzag >> 1)
        if zigzag & 1 or end == at or end > last:
            break
        found += (at, end)
        at = end
    return np.array(found, np.int64).reshape(-1, 2)


def varint(content: bytes, at: int, end: int) -> tuple[int, int]:
    """Return a zigzag varint of at most 64 bits, and where the next byte is.

    Raises:
        ValueError: it is cut off, or longer.
    """
    zigzag, next_at = _long(content, at, end)
    if next_at == at:
        raise ValueError(f"no number within 64 bits at {at}")
    return zigzag >> 1 ^ -(zigzag & 1), next_at


def _long(content: bytes, at: int, end: int) -> tuple[int, int]:
    """Return a varint's bits and where it ends; 1 and its place where it does not."""
    start, bits, shift = at, 0, 0
    while at < end and shift < _LONG_BITS:
        byte = content[at]
        at += 1
        bits |= (byte & 127) << shift
        if byte < CONTINUED and bits >> _LONG_BITS == 0:
            return bits, at
        shift += 7
    return 1, start
