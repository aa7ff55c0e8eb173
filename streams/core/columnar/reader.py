"""Many cursors over the same bytes: numbers and lengths, read at once in numpy."""

import numpy as np

from streams.core.columnar.columns import LENGTH_BITS, LENGTH_MASK, Ints
from streams.core.columnar.plan import NULL
from streams.core.columnar.vectors import PADDING, Bytes, Flags

CONTINUED = 128
"""Bit of a varint's byte that says another one follows."""


class Reader:
    """Where each of n cursors is, where it has to end, and whether all was well so far.

    Args:
        content: padded with zeros, where a cursor that has run out looks.
        at: places of the cursors [n].
        end: behind the last byte of each [n].
    """

    def __init__(self, content: Bytes, at: Ints, end: Ints) -> None:
        self.content = content
        self.at = at
        self.end = end
        self.good = np.ones(len(at), np.bool_)
        self.all = np.ones(len(at), np.bool_)

    def varint(self, here: Flags) -> Ints:
        """Read a zigzag varint of at most 64 bits at the cursors that are `here`."""
        at = np.where(here & self.good, self.at, len(self.content) - PADDING)
        first = self.content[at].astype(np.uint64)
        bits = first & np.uint64(127)
        more = first >= CONTINUED
        length = np.ones(len(at), np.int64)
        for i in range(1, 10):
            if not more.any():
                break
            byte = self.content[np.minimum(at + i, len(self.content) - 1)]
            byte = np.where(more, byte, 0).astype(np.uint64)
            bits |= (byte & np.uint64(127)) << np.uint64(7 * i)
            length += more
            if i == 9:  # noqa: PLR2004 - the tenth byte has room for one bit
                self.good &= ~more | (byte <= 1)
            more &= byte >= CONTINUED
        self.good &= ~more
        self.advance(length, here)
        half = (bits >> np.uint64(1)).astype(np.int64)
        return half ^ -(bits & np.uint64(1)).astype(np.int64)

    def advance(self, length: Ints, here: Flags) -> None:
        """Move cursors; one that would pass its end is not good any more."""
        fits = (length >= 0) & (length <= self.end - self.at)
        self.good &= ~here | fits
        self.at = np.where(here & self.good, self.at + length, self.at)

    def nullable_span(self) -> Ints:
        """Read a length, -1 for null, and step over so many bytes."""
        length = self.varint(self.all)
        is_null = length == -1
        self.good &= is_null | ((length >= 0) & (length <= LENGTH_MASK))
        start = self.at
        self.advance(np.where(is_null, 0, length), ~is_null)
        return np.where(is_null, NULL, start << LENGTH_BITS | (length & LENGTH_MASK))
