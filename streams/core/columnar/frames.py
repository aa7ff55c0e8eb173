"""Records of a payload -> where their keys and values are: the framing, in Python."""

from streams.core.columnar.columns import LENGTH_BITS
from streams.core.columnar.plan import NULL

MAX_LENGTH = (1 << LENGTH_BITS) - 1
MAX_DELTA = 2**31 - 1
CONTINUED = 128
"""Bit of a varint's byte that says another one follows."""

Frame = tuple[int, int, int]
"""(offset delta, span of the key, span of the value)."""


class _BrokenError(Exception):
    """The framing does not fit the bytes."""


def frames(content: bytes, n_records: int) -> list[Frame]:
    """Return the frames of a payload; fewer than `n_records` when the rest is broken.

    Format: Apache Kafka, "Message format", record: length, attributes, timestamp delta,
    offset delta, key, value, headers; numbers are zigzag varints.
    """
    found: list[Frame] = []
    at, last = 0, len(content)
    try:
        for _ in range(n_records):
            length, at = varint(content, at, last)
            if not 1 <= length <= last - at:
                break
            end = at + length
            found.append(_frame(content, at + 1, end))
            at = end
    except _BrokenError:
        pass
    return found


def _frame(content: bytes, at: int, end: int) -> Frame:
    _, at = varint(content, at, end)
    delta, at = varint(content, at, end)
    key_length, key_at = varint(content, at, end)
    at = key_at + max(key_length, 0)
    length, value_at = varint(content, at, end)
    fits = value_at + length <= end and max(length, key_length) <= MAX_LENGTH
    if min(length, key_length) < -1 or not 0 <= delta <= MAX_DELTA or not fits:
        raise _BrokenError
    return (
        delta,
        NULL if key_length < 0 else key_at << LENGTH_BITS | key_length,
        NULL if length < 0 else value_at << LENGTH_BITS | length,
    )


def varint(content: bytes, at: int, end: int) -> tuple[int, int]:
    """Return a zigzag varint of at most 64 bits, and where the next byte is."""
    if at < end and (byte := content[at]) < CONTINUED:
        return byte >> 1 ^ -(byte & 1), at + 1
    bits = shift = 0
    while at < end and shift < 64:  # noqa: PLR2004 - bits of a long
        byte = content[at]
        at += 1
        bits |= (byte & 127) << shift
        if byte < CONTINUED:
            if bits >> 64:
                break
            return bits >> 1 ^ -(bits & 1), at
        shift += 7
    raise _BrokenError
