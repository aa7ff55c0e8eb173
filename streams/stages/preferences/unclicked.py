"""The newest impressions that nobody has clicked since: a few ticks in each row."""

import numpy as np
import numpy.typing as npt

from streams.columns.columns import Ints
from streams.columns.rows import N_UNCLICKED, Rows, max_at
from streams.columns.rules import CLICK, IMPRESSION

_TICK_BITS = 32
_LATEST = 2**_TICK_BITS - 1


def keep_newest(rows: Rows, number: Ints, kind: Ints, tick: Ints) -> None:
    """Note clicks, and keep the newest impressions after the last one.

    Args:
        rows: of the people.
        number: row of each event [n].
        kind: of each event.
        tick: of each event.
    """
    clicked, shown = kind == CLICK, kind == IMPRESSION
    max_at(rows, "last_click", number[clicked], tick[clicked])
    # An impression that is older than all six is not one of the newest.
    shown &= tick > rows["last_click"][number]
    shown &= tick > rows["unclicked"][:, -1][number]
    owner, new = _newest_first(number[shown], tick[shown])
    touched = np.unique(np.concatenate([owner, number[clicked]]))
    rank = np.arange(len(owner)) - np.searchsorted(owner, owner)
    kept = rank < N_UNCLICKED
    ticks = np.zeros((len(touched), 2 * N_UNCLICKED), np.uint32)
    ticks[:, :N_UNCLICKED] = rows["unclicked"][touched]
    which = np.searchsorted(touched, owner[kept])
    ticks[which, N_UNCLICKED + rank[kept]] = new[kept]
    ticks[ticks <= rows["last_click"][touched][:, None]] = 0
    rows["unclicked"][touched] = np.sort(ticks, axis=1)[:, : N_UNCLICKED - 1 : -1]


def _newest_first(number: Ints, tick: Ints) -> tuple[Ints, npt.NDArray[np.uint32]]:
    """Return the impressions ordered by their row and, in it, from the newest on."""
    order = np.sort(number << _TICK_BITS | _LATEST - tick)
    return order >> _TICK_BITS, (_LATEST - (order & _LATEST)).astype(np.uint32)
