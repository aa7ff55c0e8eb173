"""How many bytes of a stretch are not printable ASCII, for many stretches at once.

A bit a byte, and a sum for every 64 of them (Jacobson, "Space-efficient Static Trees
and Graphs", 1989: rank).
"""

import numpy as np

from streams.columns.columns import Ints
from streams.columns.vectors import Bytes, Hashes, is_strange

_BITS = 64
_SHIFT = 6


class Strange:
    """The bytes of a content that are not printable ASCII.

    >>> strange = Strange(np.frombuffer(b"ab" + bytes(1) + b"c" + bytes(1), np.uint8))
    >>> strange.between(np.array([0, 3]), np.array([5, 4])).tolist()
    [2, 0]
    """

    def __init__(self, content: Bytes) -> None:
        bits = np.packbits(is_strange(content), bitorder="little")
        words = np.zeros(len(content) // _BITS + 1, np.uint64)
        words.view(np.uint8)[: len(bits)] = bits
        self._words: Hashes = words.astype("<u8", copy=False)
        self._before: Ints = np.zeros(len(words), np.int64)
        np.cumsum(np.bitwise_count(words[:-1]), out=self._before[1:])
        self._end = len(content)

    def between(self, start: Ints, end: Ints) -> Ints:
        """Return the number of strange bytes from each start to each end [n]."""
        return self._rank(end) - self._rank(start)

    def _rank(self, at: Ints) -> Ints:
        at = np.minimum(at, self._end)
        index = at >> _SHIFT
        below = (np.uint64(1) << (at & _BITS - 1).astype(np.uint64)) - np.uint64(1)
        n_in_word = np.bitwise_count(self._words.take(index) & below)
        ranks: Ints = self._before.take(index) + n_in_word
        return ranks
