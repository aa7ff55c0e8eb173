"""Many cursors over the same bytes: numbers and lengths, read at once in numpy."""

import numpy as np

from streams.columns.columns import LENGTH_BITS, LENGTH_MASK, Ints
from streams.columns.plan import NULL
from streams.columns.vectors import WORD, Bytes, Flags, Hashes, is_strange, word

CONTINUED = 128
"""Bit of a varint's byte that says another one follows."""

LONGEST = 10
"""Bytes of a varint; the tenth has room for one bit."""

ALL = slice(None)
"""All cursors."""

Cursors = slice | Ints
"""Which cursors are meant: `ALL`, or their indices."""

_POSITIVE = 2**63 - 1


class Reader:
    """Where each of n cursors is, and whether all was well so far.

    Cursors only move forward, and none is stopped where its record ends: who reads has
    to ask in the end whether it went too far. What it read on the way counts for
    nothing then.

    Args:
        content: padded.
        at: places of the cursors [n].
    """

    def __init__(self, content: Bytes, at: Ints) -> None:
        self.content = content
        self.at = at.copy()
        self.good = np.ones(len(at), np.bool_)
        self.n_strange = np.zeros(len(at), np.int32)
        """How many of the bytes read as numbers are not printable ASCII [n]."""

    def varint(self, which: Cursors = ALL) -> Ints:
        """Read a zigzag varint of at most 64 bits at some cursors."""
        at = self.at[which]
        byte = self.content.take(at, mode="clip")
        bits = byte.astype(np.int64)
        if byte.max(initial=0) < CONTINUED:
            self.n_strange[which] += is_strange(byte)
            self._move(which, at + 1)
        else:
            rest = np.flatnonzero(byte >= CONTINUED)
            long, length, last, good = self._long(at[rest])
            bits[rest], byte[rest] = long.view(np.int64), last
            lengths = np.ones(len(at), np.int64)
            lengths[rest] = length
            self.n_strange[which] += is_strange(byte) + (lengths - 1).astype(np.int32)
            self._move(which, at + lengths)
            self._refuse(which, rest[~good])
        return bits >> 1 & _POSITIVE ^ -(bits & 1)

    def byte(self, which: Cursors) -> Bytes:
        """Read one byte."""
        at = self.at[which]
        byte = self.content.take(at, mode="clip")
        self.n_strange[which] += is_strange(byte)
        self._move(which, at + 1)
        return byte

    def span(self, which: Cursors = ALL) -> Ints:
        """Read a length and step over so many bytes; return their span."""
        return self._step(self.varint(which), which)

    def nullable_span(self) -> Ints:
        """Read a length or -1 for null, step over so many bytes; return their span."""
        length = self.varint()
        is_null = length == -1
        if not is_null.any():
            return self._step(length, ALL)
        span = self._step(np.where(is_null, 0, length), ALL)
        return np.where(is_null, NULL, span)

    def _step(self, length: Ints, which: Cursors) -> Ints:
        wrong = length != length & LENGTH_MASK
        if wrong.any():
            self._refuse(which, np.flatnonzero(wrong))
            length = np.where(wrong, 0, length)
        at = self.at[which]
        span: Ints = at << LENGTH_BITS | length
        self._move(which, at + length)
        return span

    def _move(self, which: Cursors, at: Ints) -> None:
        if which is ALL:
            self.at = at
        else:
            self.at[which] = at

    def _refuse(self, which: Cursors, wrong: Ints) -> None:
        """Call cursors not good; `wrong` are indices into `which`."""
        self.good[wrong if isinstance(which, slice) else which[wrong]] = False

    def _long(self, at: Ints) -> tuple[Hashes, Ints, Bytes, Flags]:
        """Return bits, length and last byte of varints, and whether they are some.

        Of up to eight bytes, all at once: the mask keeps the bytes up to the first one
        without the bit that continues; then groups of 7 bits close ranks.
        """
        bytes_of = word(self.content, at)
        ends = ~bytes_of & _HIGH_BITS
        kept = ends ^ (ends - _ONE)
        length = (np.bitwise_count(kept) >> 3).astype(np.int64)
        bits = bytes_of & kept & ~_HIGH_BITS
        for shift, low, high in _RANKS:
            bits = bits & low | (bits & high) >> shift
        last = (bytes_of >> (length - 1).astype(np.uint64) * _EIGHT).astype(np.uint8)
        good = np.ones(len(at), np.bool_)
        longer = np.flatnonzero(ends == 0)
        if len(longer):
            found = self._longest(at[longer])
            bits[longer], length[longer], last[longer], good[longer] = found
        return bits, length, last, good

    def _longest(self, at: Ints) -> tuple[Hashes, Ints, Bytes, Flags]:
        """Do the same for varints of nine and ten bytes."""
        table = self.content.take(at[:, None] + np.arange(LONGEST), mode="clip")
        length = np.where(table[:, WORD] < CONTINUED, WORD + 1, LONGEST)
        there = np.arange(LONGEST) < length[:, None]
        groups = np.where(there, table & 127, 0).astype(np.uint64)
        shifts = np.arange(LONGEST, dtype=np.uint64) * np.uint64(7)
        last = table[np.arange(len(at)), length - 1]
        good = last < np.where(length == LONGEST, 2, CONTINUED)
        return np.bitwise_or.reduce(groups << shifts, axis=1), length, last, good


_ONE, _EIGHT = np.uint64(1), np.uint64(8)
_HIGH_BITS = np.uint64(0x8080808080808080)
_RANKS = [
    (np.uint64(shift), np.uint64(low), np.uint64(high))
    for shift, low, high in (
        (1, 0x007F007F007F007F, 0x7F007F007F007F00),
        (2, 0x00003FFF00003FFF, 0x3FFF00003FFF0000),
        (4, 0x000000000FFFFFFF, 0x0FFFFFFF00000000),
    )
]
"""7 bits in 8 become 14 in 16, these 28 in 32, these 56."""
