"""Clicks that are heard batches later: until then the impression counts as a none.

As in the product, where an impression without a click by the end of its window is
feedback of its own, and a late click a correction that a later job reads.
"""

import numpy as np
from numpy.typing import NDArray

from benchmarks.learning.method import Batch
from benchmarks.learning.truth import Floats

MOST_BATCHES = 4
"""A late click comes so many batches later at most, and at least one."""


class Post:
    """Holds late clicks back.

    Args:
        share: of the clicks that are late.
        rng: which ones, and how late.
    """

    def __init__(self, share: float, rng: np.random.Generator) -> None:
        self._share, self._rng = share, rng
        self._held: list[list[Batch]] = [[] for _ in range(MOST_BATCHES)]
        self._n = 0
        self._now = 0

    def delivered(self, condition: Floats, design: Floats, clicked: Floats) -> Batch:
        """Return what is heard with a batch: it, and late clicks on earlier ones.

        The batch's own impressions come first, those whose click is late as nones.
        """
        n = len(clicked)
        number = np.arange(self._n, self._n + n)
        self._n += n
        late = (clicked > 0) & (self._rng.random(n) < self._share)
        when = self._rng.integers(0, MOST_BATCHES, n)
        due = self._held.pop(0)
        self._held.append([])
        now = np.full(n, self._now, np.int64)
        self._now += 1
        whole = Batch(number, condition, design, clicked, now, now)
        for batch, held in enumerate(self._held):
            rows = _rows(whole, late & (when == batch))
            held.append(rows._replace(decided_at=rows.shown_at + batch + 1))
        heard = np.where(late, np.float32(0.0), clicked)
        return _joined([whole._replace(clicked=heard), *due])


def _rows(batch: Batch, mask: NDArray[np.bool_]) -> Batch:
    return Batch(*(column[mask] for column in batch))


def _joined(batches: list[Batch]) -> Batch:
    return Batch(*map(np.concatenate, zip(*batches, strict=True)))
