"""Which event ids came lately, in Python: the twin of the compiled `Window`."""

import numpy as np

from streams.columns.hash_table import HashTable
from streams.columns.vectors import Flags, Hashes


class Window:
    """Remembers the last `size` to 2 * `size` ids, as 64-bit hashes.

    Two generations: when the newer one has `size` ids, the older one is forgotten. That
    two of 2**21 ids have one hash happens once in 10 million times such a window; the
    second of them would be taken for a duplicate.

    >>> window = Window(size=2)
    >>> window.add(np.array([7, 7, 8], np.uint64)).tolist()
    [True, False, True]
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"expected a window of 1 event or more, got {size}")
        self._size = size
        self._now = HashTable()
        self._before = HashTable()

    def __len__(self) -> int:
        return len(self._now) + len(self._before)

    def add(self, hashes: Hashes) -> Flags:
        """See ids one after the other; return which of them are new [n]."""
        fresh = np.zeros(len(hashes), np.bool_)
        start = 0
        while start < len(hashes):
            # So few that none of them can come after a new generation has begun.
            end = start + self._size - len(self._now)
            some = hashes[start:end]
            unknown = np.flatnonzero(self._before.find(some) < 0)
            fresh[start + unknown] = self._now.add(some[unknown])
            if len(self._now) >= self._size:
                self._now, self._before = HashTable(), self._now
            start = end
        return fresh

    def ids(self) -> Hashes:
        """Return the ids, the older half first: `add` takes them back."""
        return np.concatenate([self._before.hashes(), self._now.hashes()])
