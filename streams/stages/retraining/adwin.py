"""Bits, one by one -> whether their rate has changed: ADWIN, the adaptive window.

Bifet and Gavalda, "Learning from Time-Changing Data with Adaptive Windowing", SDM 2007.
The window is kept as an exponential histogram: buckets of 1, 2, 4 ... bits, at most
`_MAX_BUCKETS` of a size. A change is a cut of the window into an old and a new part
whose rates differ by more than chance at confidence `delta`; then the oldest buckets go
until no cut is left.
"""

from collections.abc import Iterator
from itertools import accumulate
from math import log, sqrt

_MAX_BUCKETS = 5
_CLOCK = 32
"""Bits between two looks for a cut."""
_SHORTEST_PART = 5
_SHORTEST_WINDOW = 10


class Adwin:
    """A window over bits that forgets what came before a change.

    Args:
        delta: chance of a false alarm at each cut.
    """

    def __init__(self, delta: float) -> None:
        self.width = 0
        """Bits in the window."""
        self._delta = delta
        self._n_set = 0
        self._n_seen = 0
        self._rows: list[list[int]] = [[]]
        """Set bits of each bucket; row i has buckets of 2**i bits, the oldest first."""

    def update(self, bit: int) -> bool:
        """Take a bit; tell whether the rate has changed."""
        self._rows[0].append(bit)
        self.width += 1
        self._n_set += bit
        self._n_seen += 1
        self._merge()
        if self._n_seen % _CLOCK or self.width <= _SHORTEST_WINDOW:
            return False
        changed = False
        while self._has_cut():
            self._drop_oldest()
            changed = True
        return changed

    def _merge(self) -> None:
        for size, row in enumerate(self._rows):
            if len(row) <= _MAX_BUCKETS:
                return
            if size + 1 == len(self._rows):
                self._rows.append([])
            self._rows[size + 1].append(row.pop(0) + row.pop(0))

    def _has_cut(self) -> bool:
        rate = self._n_set / self.width
        confidence = log(2 * log(self.width) / self._delta)
        for n_old, set_old in self._cuts():
            n_new, set_new = self.width - n_old, self._n_set - set_old
            if min(n_old, n_new) < _SHORTEST_PART:
                continue
            m = 1 / (n_old - _SHORTEST_PART + 1) + 1 / (n_new - _SHORTEST_PART + 1)
            chance = (
                sqrt(2 * m * rate * (1 - rate) * confidence) + 2 / 3 * confidence * m
            )
            if abs(set_old / n_old - set_new / n_new) > chance:
                return True
        return False

    def _cuts(self) -> Iterator[tuple[int, int]]:
        """Yield the bits, and the set bits, before each boundary of two buckets."""
        buckets = [
            (1 << size, n_set)
            for size in reversed(range(len(self._rows)))
            for n_set in self._rows[size]
        ]
        return accumulate(
            buckets, lambda cut, more: (cut[0] + more[0], cut[1] + more[1])
        )

    def _drop_oldest(self) -> None:
        self._n_set -= self._rows[-1].pop(0)
        self.width -= 1 << (len(self._rows) - 1)
        while not self._rows[-1]:
            self._rows.pop()
