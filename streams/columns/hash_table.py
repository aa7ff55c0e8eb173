"""A set of 64-bit hashes in open addressing, many looked up at once in numpy.

Knuth, The Art of Computer Programming, 6.4, linear probing: every round looks at one
slot of each hash that has not found its place yet.
"""

import numpy as np
import numpy.typing as npt

from streams.columns.columns import Ints
from streams.columns.vectors import Flags, Hashes

_LEAST_SLOTS = 1_024


class HashTable:
    """Hashes, none of which is ever taken out; 0 counts as 1: it marks an empty slot.

    Args:
        n_slots: to begin with, a power of two; it stays above twice the hashes.

    >>> table = HashTable()
    >>> table.add(np.array([7, 7, 8], np.uint64)).tolist()
    [True, False, True]
    >>> (table.find(np.array([8, 9], np.uint64)) >= 0).tolist()
    [True, False]
    """

    def __init__(self, n_slots: int = _LEAST_SLOTS) -> None:
        self._make(n_slots)

    def _make(self, n_slots: int) -> None:
        self._slots: Hashes = np.zeros(n_slots, np.uint64)
        # Which of those that want a slot gets it; what is older means nothing.
        self._claims: npt.NDArray[np.int32] = np.zeros(n_slots, np.int32)
        self._n = 0

    def __len__(self) -> int:
        return self._n

    @property
    def n_slots(self) -> int:
        """Return how many slots there are, a power of two."""
        return len(self._slots)

    def has_room(self, n: int) -> bool:
        """Return whether `n` more can be added without moving the others."""
        return 2 * (self._n + n) <= len(self._slots)

    def hashes(self) -> Hashes:
        """Return all that are in, in no order."""
        return self._slots[self._slots > 0]

    def find(self, hashes: Hashes) -> Ints:
        """Return the slot of each hash [n]; -1 for one that is not in."""
        hashes = np.maximum(hashes, 1)
        at = self._home(hashes)
        there = self._slots.take(at)
        found = np.where(there == hashes, at, -1)
        left = np.flatnonzero((there != hashes) & (there != 0))
        while len(left):
            at[left] = now = self._next(at[left])
            there, wanted = self._slots.take(now), hashes[left]
            is_it = there == wanted
            found[left[is_it]] = now[is_it]
            left = left[~is_it & (there != 0)]
        return found

    def add(self, hashes: Hashes) -> Flags:
        """Put hashes in; return which were not in [n], of equal ones the first."""
        while not self.has_room(len(hashes)):
            self._grow()
        hashes = np.maximum(hashes, 1)
        fresh = np.zeros(len(hashes), np.bool_)
        left = np.arange(len(hashes))
        at, wanted = self._home(hashes), hashes
        while len(left):
            is_free = self._slots.take(at) == 0
            place, one = at[is_free], left[is_free]
            # The last of repeated indices stays: the first hash, counted from behind.
            self._claims[place[::-1]] = one[::-1]
            won = self._claims.take(place) == one
            self._slots[place[won]] = hashes[one[won]]
            fresh[one[won]] = True
            is_out = self._slots.take(at) != wanted
            left, wanted, at = left[is_out], wanted[is_out], self._next(at[is_out])
        self._n += int(fresh.sum())
        return fresh

    def _grow(self) -> None:
        kept = self.hashes()
        self._make(2 * len(self._slots))
        self.add(kept)

    def _home(self, hashes: Hashes) -> Ints:
        return (hashes & np.uint64(len(self._slots) - 1)).astype(np.int64)

    def _next(self, at: Ints) -> Ints:
        return at + 1 & len(self._slots) - 1
