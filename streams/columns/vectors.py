"""Spans of bytes -> numpy, many at once: words, equality, hashes."""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from streams.columns.columns import LENGTH_BITS, LENGTH_MASK, Ints

Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Hashes = npt.NDArray[np.uint64]
Words = npt.NDArray[np.uint64]

WORD = 8
BLOCK = 32
"""Bytes that are gathered of each span at a time: four words."""
PADDING = BLOCK
"""Zero bytes behind the content, so that a block may be read at its very end."""

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
"""2**64 / the golden ratio (Knuth, The Art of Computer Programming, 6.4)."""
_SPACE, _LAST_PRINTABLE = np.uint8(ord(" ")), np.uint8(ord("~") - ord(" "))
_HALF = np.uint64(32)
_VOID = np.dtype(f"V{BLOCK}")
_KEEP = (np.arange(BLOCK) < np.arange(BLOCK + 1)[:, None]).astype(np.uint8) * 255
_KEEP = _KEEP.view(_VOID)[:, 0]
"""Masks of the first 0 to 32 bytes of a block."""


def padded(*contents: bytes | memoryview) -> Bytes:
    """Return bytes, one after the other, with zeros behind them."""
    return np.frombuffer(b"".join((*contents, bytes(PADDING))), np.uint8)


def is_strange(content: Bytes) -> Flags:
    """Return which bytes are not printable ASCII."""
    strange: Flags = content - _SPACE > _LAST_PRINTABLE
    return strange


def word(content: Bytes, at: Ints) -> Hashes:
    """Return the 8 bytes from each place [n] as a word; none lies behind the end."""
    everywhere = np.ndarray(
        (len(content) - WORD + 1,), "<u8", content.data, strides=(1,)
    )
    return everywhere[np.minimum(at, len(everywhere) - 1)]


def equal(content: Bytes, one: Ints, other: Ints) -> Flags:
    """Return whether pairs of spans [n] hold the same bytes; null equals nothing."""
    same: Flags = (
        (one >= 0) & (other >= 0) & ((one & LENGTH_MASK) == (other & LENGTH_MASK))
    )
    one, other = np.where(same, one, 0), np.where(same, other, 0)
    same &= same_bytes(blocks(content, one), blocks(content, other), len(one))
    return same


def same_bytes(one: Iterable[Words], other: Iterable[Words], n: int) -> Flags:
    """Return whether pairs of spans [n] are equal, given by their blocks."""
    differ = np.zeros(n, np.uint64)
    for x, y in zip(one, other, strict=True):
        for difference in (x ^ y).T:
            differ |= difference
    same: Flags = differ == 0
    return same


def hash_bytes(content: Bytes, spans: Ints, seed: Hashes) -> Hashes:
    """Return a 64-bit hash of each span [n]; equal to the compiled `hash_bytes`.

    Words of 8 bytes, the last one padded with zeros, each folded in by a multiplication
    and a shift. It spreads; it does not resist an attacker who may choose the bytes.
    """
    length = spans & LENGTH_MASK
    hashes = _mix(seed ^ length.astype(np.uint64))
    shortest, at = int(length.min(initial=LENGTH_MASK)), 0
    for block in blocks(content, spans):
        for word in block.T:
            mixed = _mix(hashes ^ word)
            hashes = mixed if at < shortest else np.where(length > at, mixed, hashes)
            at += WORD
    return _mix(hashes)


def blocks(content: Bytes, spans: Ints) -> Iterator[Words]:
    """Yield blocks of the spans [n], zeros behind their ends, as words [n, 4].

    Args:
        content: padded.
        spans: inside the content.
    """
    everywhere = np.ndarray(
        (len(content) - BLOCK + 1,), _VOID, content.data, strides=(1,)
    )
    start, left = spans >> LENGTH_BITS, spans & LENGTH_MASK
    longest = int(left.max(initial=0))
    for at in range(0, longest, BLOCK):
        there = start + at if at == 0 else np.where(left > at, start + at, 0)
        keep = _KEEP.take(np.clip(left - at, 0, BLOCK))
        yield words_of(everywhere[there]) & words_of(keep)


def words_of(cells: npt.NDArray[np.void]) -> Words:
    """Return blocks [n] as words [n, 4]."""
    return cells.view("<u8").reshape(-1, BLOCK // WORD)


def _mix(hashes: Hashes) -> Hashes:
    hashes = hashes * _MULTIPLIER
    return hashes ^ hashes >> _HALF
