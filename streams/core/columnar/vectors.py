"""Spans of bytes -> numpy, many at once: words, equality, hashes."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from streams.core.columnar.columns import LENGTH_BITS, LENGTH_MASK, Ints

Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Hashes = npt.NDArray[np.uint64]

WORD = 8
PADDING = 16
"""Zero bytes behind the content, so that a word may be read at its very end."""

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
"""2**64 / the golden ratio (Knuth, The Art of Computer Programming, 6.4)."""
_HALF = np.uint64(32)
_KEEP = np.array([2 ** (8 * i) - 1 for i in range(WORD + 1)], np.uint64)
"""Masks of the first 0 to 8 bytes of a word."""


def padded(content: bytes) -> Bytes:
    """Return the bytes with zeros behind them."""
    return np.frombuffer(content + bytes(PADDING), np.uint8)


def equal(content: Bytes, one: Ints, other: Ints) -> Flags:
    """Return whether pairs of spans [n] hold the same bytes; null equals nothing."""
    same: Flags = (
        (one >= 0) & (other >= 0) & ((one & LENGTH_MASK) == (other & LENGTH_MASK))
    )
    one, other = np.where(same, one, 0), np.where(same, other, 0)
    for (x, _), (y, _) in zip(words(content, one), words(content, other), strict=True):
        same &= x == y
    return same


def hash_bytes(content: Bytes, spans: Ints, seed: Hashes) -> Hashes:
    """Return a 64-bit hash of each span [n]; equal to the compiled `hash_bytes`.

    Words of 8 bytes, the last one padded with zeros, each folded in by a multiplication
    and a shift. It spreads; it does not resist an attacker who may choose the bytes.
    """
    hashes = _mix(seed ^ (spans & LENGTH_MASK).astype(np.uint64))
    for word, is_there in words(content, spans):
        hashes = np.where(is_there, _mix(hashes ^ word), hashes)
    return _mix(hashes)


def words(content: Bytes, spans: Ints) -> Iterator[tuple[Hashes, Flags]]:
    """Yield the spans' words of 8 bytes, zeros behind the end, and who has one."""
    everywhere = np.ndarray(
        (len(content) - WORD + 1,), np.dtype("<u8"), content.data, strides=(1,)
    )
    start, left = spans >> LENGTH_BITS, spans & LENGTH_MASK
    while (left > 0).any():
        word = everywhere[np.where(left > 0, start, 0)]
        yield word & _KEEP[np.clip(left, 0, WORD)], left > 0
        start, left = start + WORD, left - WORD


def _mix(hashes: Hashes) -> Hashes:
    hashes = hashes * _MULTIPLIER
    return hashes ^ hashes >> _HALF
