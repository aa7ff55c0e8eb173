"""Which event ids came lately, in Python: the twin of the compiled `Window`."""

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]


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
        # Dictionaries: sets that keep the order.
        self._now: dict[int, None] = {}
        self._before: dict[int, None] = {}

    def __len__(self) -> int:
        return len(self._now) + len(self._before)

    def add(self, hashes: Hashes) -> npt.NDArray[np.bool_]:
        """See ids one after the other; return which of them are new [n]."""
        fresh = np.zeros(len(hashes), np.bool_)
        now, before, size = self._now, self._before, self._size
        # As in the compiled twin, where 0 is an empty slot.
        for i, one in enumerate(np.maximum(hashes, 1).tolist()):
            if one in now or one in before:
                continue
            fresh[i] = True
            now[one] = None
            if len(now) >= size:
                now, before = {}, now
        self._now, self._before = now, before
        return fresh

    def ids(self) -> Hashes:
        """Return the ids, the older half first: `add` takes them back."""
        return np.fromiter([*self._before, *self._now], np.uint64, len(self))
