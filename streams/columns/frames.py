"""Records of a payload -> where their keys and values are, read one by one.

Format: Apache Kafka, "Message format", record: attributes, timestamp delta, offset
delta, key, value, headers; numbers are zigzag varints.
"""

from streams.columns.columns import LENGTH_BITS, LENGTH_MASK
from streams.columns.plan import NULL

MAX_DELTA = 2**31 - 1
_LONG_BITS = 64
_CONTINUED = 128

Frame = tuple[int, int, int]
"""(offset delta, span of the key, span of the value)."""


def frames(content: bytes, n_records: int) -> list[Frame]:
    """Return the frames of a payload, fewer than asked for when the rest is broken."""
    found: list[Frame] = []
    at = 0
    try:
        for _ in range(n_records):
            length, start = varint(content, at, len(content))
            at = start + length
            if not start < at <= len(content):
                break
            found.append(_frame(content, start, at))
    except ValueError:
        pass  # what follows cannot be found
    return found


def varint(content: bytes, at: int, end: int) -> tuple[int, int]:
    """Return a zigzag varint of at most 64 bits, and where the next byte is.

    Raises:
        ValueError: it is cut off, or longer.
    """
    bits = shift = 0
    for i in range(at, min(end, at + 10)):
        byte = content[i]
        bits |= (byte & 127) << shift
        if byte < _CONTINUED and bits >> _LONG_BITS == 0:
            return bits >> 1 ^ -(bits & 1), i + 1
        shift += 7
    raise ValueError(f"no number within 64 bits at {at}")


def _frame(content: bytes, at: int, end: int) -> Frame:
    _, at = varint(content, at + 1, end)  # behind the attributes: the timestamp
    delta, at = varint(content, at, end)
    key, at = _nullable(content, at, end)
    value, at = _nullable(content, at, end)
    if not 0 <= delta <= MAX_DELTA:
        raise ValueError(f"expected an offset delta, got {delta}")
    return delta, key, value


def _nullable(content: bytes, at: int, end: int) -> tuple[int, int]:
    """Return the span of a key or a value, and where the next byte is; -1 is null."""
    length, at = varint(content, at, end)
    if length == -1:
        return NULL, at
    if not 0 <= length <= min(end - at, LENGTH_MASK):
        raise ValueError(f"expected at most {end - at} bytes, got {length}")
    return at << LENGTH_BITS | length, at + length
