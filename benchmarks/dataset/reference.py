"""Columns of events -> what every user's weights must be, in float64.

A weight is the sum over a user's events of one category of
`kind weight x 2**((t - T) / half-life)`, T being the user's newest event: forward decay
read at T (Cormode et al., ICDE 2009). It depends on the set of events alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.dataset.events import KINDS, Columns
from schemas.vocabulary import deployed
from streams.columns.rules import KIND_WEIGHTS

HALF_LIFE_S = 86_400

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Reference:
    """The state that a correct job ends with."""

    as_of: Ints
    """Newest event time by user number [n_users]; 0 for users without events."""
    n_events: Ints
    """[n_users]."""
    cells: Ints
    """user number x categories + category, ascending, where there is a weight."""
    sums: NDArray[np.float64]
    """Weight of each cell as of the user's newest event."""

    @property
    def n_users(self) -> int:
        """Users with at least one event."""
        return int((self.n_events > 0).sum())

    @property
    def total(self) -> float:
        """Sum of all weights: what the peers are compared by."""
        return float(self.sums.sum())

    def weights(self, users: Ints) -> NDArray[np.float64]:
        """Return the weights of users [n, categories]."""
        width = len(deployed().categories)
        out = np.zeros((len(users), width))
        starts = np.searchsorted(self.cells, users * width)
        ends = np.searchsorted(self.cells, (users + 1) * width)
        lengths = ends - starts
        rows = np.repeat(np.arange(len(users)), lengths)
        offsets = np.arange(len(rows)) - np.repeat(
            np.cumsum(lengths) - lengths, lengths
        )
        taken = np.repeat(starts, lengths) + offsets
        out[rows, self.cells[taken] % width] = self.sums[taken]
        return out


def reference(events: Columns, *, counts_duplicates: bool = False) -> Reference:
    """Return the expected state after all events.

    Args:
        events: the log.
        counts_duplicates: True for a job that does not recognise repeated event ids.
    """
    kept = np.ones(len(events.user), np.bool_)
    if not counts_duplicates:
        kept = ~events.is_duplicate
    user, at = events.user[kept], events.at[kept]
    n_users = events.spec.n_users
    as_of = np.zeros(n_users, np.int64)
    np.maximum.at(as_of, user, at)
    weight = np.array([KIND_WEIGHTS[kind] for kind in KINDS])[events.kind[kept]]
    decayed = weight * np.exp2((at - as_of[user]) / (HALF_LIFE_S * 1000))
    counted = weight != 0
    cell = (user * len(deployed().categories) + events.category[kept])[counted]
    cells, place = np.unique(cell, return_inverse=True)
    return Reference(
        as_of=as_of,
        n_events=np.bincount(user, minlength=n_users),
        cells=cells,
        sums=np.bincount(place, decayed[counted], len(cells)),
    )
