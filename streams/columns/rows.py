"""What is kept of one person: one row.

All in a row is a function of the *set* of events folded in: sums, maxima and the
newest few of something. So a log that is permuted gives the same row, up to rounding;
but for a withdrawal of consent that comes late, which forgets what is newer, too.

Sums use forward decay with a landmark of the row's own: what was worth w at time t is
stored as w * 2**((t - landmark) / half-life), so that an event is one addition whatever
came before it (Cormode et al., "Forward Decay", ICDE 2009). A row whose newest event is
far past its landmark is rescaled before float32 overflows. What is more than 126
half-lives older than the person's own newest event vanishes: it is worth 1e-38 by then.
To rescale is to touch all of a row, so what halves within a minute has no landmark: it
is kept as of the newest event, and what comes later shrinks it.
"""

import numpy as np
import numpy.typing as npt

from schemas.vocabulary import deployed

Rows = npt.NDArray[np.void]

TICK_BITS = 9
"""Instants that are only compared are kept in ticks of 2**9 ms since 2000: 32 bits."""

EPOCH_MS = 946_684_800_000
"""2000-01-01 UTC."""

N_UNCLICKED = 6
"""How many of the newest impressions without a click are told apart."""

SURFACES = (*deployed().surfaces, "other")
"""Styles of creative that wear out apart; the last one is an unnamed surface."""


def row_dtype(
    n_half_lives: int, n_categories: int, n_surfaces: int = len(SURFACES)
) -> np.dtype[np.void]:
    """Return the layout of a row; the compiled fold reads the same offsets."""
    return np.dtype(
        [
            ("as_of", "<i8"),  # newest event, epoch ms; 0: none yet
            ("landmark", "<u4"),  # tick
            ("n_events", "<u4"),
            ("last_click", "<u4"),  # tick; 0: none
            ("withdrawn", "<u4"),  # tick of the newest event without consent; 0: none
            ("profile", "<u4"),  # number of the profile; 0: none
            ("key_start", "<u4"),  # where the user id is
            ("key_length", "<u2"),  # 0: nobody's row
            ("consent", "u1"),
            ("dirty", "u1"),
            ("bursts", "<f4", (2,)),  # impressions, clicks, decayed to `as_of`
            ("unclicked", "<u4", (N_UNCLICKED,)),  # ticks, newest first; 0: none
            ("exposures", "<f4", (n_surfaces,)),  # impressions, decayed like weights
            ("weights", "<f4", (n_half_lives, n_categories)),
        ]
    )


def tick(at: int) -> int:
    """Return the tick of an instant in epoch ms, at least 1: 0 says that there is none.

    >>> tick(EPOCH_MS + 1024), tick(EPOCH_MS)
    (2, 1)
    """
    return max(1, (at - EPOCH_MS) >> TICK_BITS)


def instant(number: int) -> int:
    """Return the first ms of a tick; 0 (none) stays 0.

    >>> instant(2) - EPOCH_MS
    1024
    """
    return EPOCH_MS + (number << TICK_BITS) if number else 0
