"""Columnar rolling preferences of one partition, with forward decay.

A weight that was worth w at time t is stored as w * 2**((t - L) / H) relative to a
landmark L, so that an event is one addition whatever came before it and in whatever
order (Cormode et al., "Forward Decay", ICDE 2009). When the newest event is far from
the landmark the whole table is rescaled, before float32 overflows. What is more than
126 half-lives older than the newest event underflows: it is worth 1e-38 of it by then.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

MAX_HALF_LIVES = 60
"""Rescale when an event is this many half-lives past the landmark (float32: 127)."""


class PreferenceTable:
    """Rows of users; the columns are arrays that grow together.

    Weights are [rows, half-lives, categories]; instants are epoch milliseconds.
    """

    def __init__(self, half_lives_s: Sequence[int], n_categories: int) -> None:
        self.half_lives_ms = np.array(half_lives_s, np.float64) * 1000
        self._shape = (len(half_lives_s), n_categories)
        self._rows: dict[str, int] = {}
        self._free: list[int] = []
        self._landmark = 0
        self._weights: Floats = np.zeros((0, *self._shape), np.float32)
        self.as_of: Ints = np.zeros(0, np.int64)
        self.n_events: Ints = np.zeros(0, np.int64)
        self.n_unclicked: Ints = np.zeros(0, np.int64)
        self.consent: npt.NDArray[np.bool_] = np.zeros(0, np.bool_)
        self.offsets: Ints = np.zeros((0, 3), np.int64)
        """Last offset folded in, by source: behaviour, profile, text."""

    def __len__(self) -> int:
        return len(self._rows)

    def users(self) -> Iterator[str]:
        """Iterate over the user ids."""
        return iter(self._rows)

    def row(self, user_id: str) -> int | None:
        """Return the row of a user, or None."""
        return self._rows.get(user_id)

    def row_or_new(self, user_id: str) -> int:
        """Return the row of a user, making an empty one when there is none."""
        row = self._rows.get(user_id)
        if row is None:
            if not self._free:
                self._grow()
            row = self._free.pop()
            self._rows[user_id] = row
        return row

    def remove(self, user_id: str) -> None:
        """Forget a user; their row is wiped before anybody else gets it."""
        row = self._rows.pop(user_id, None)
        if row is not None:
            self._wipe(np.array([row]))
            self._free.append(row)

    def add(self, rows: Ints, columns: Ints, amounts: Floats, at: Ints) -> None:
        """Add `amounts` [n] to (rows, columns) [n] as of the instants `at` [n]."""
        if not len(rows):
            return
        self._move_landmark(int(at.max()))
        for half_life, length in enumerate(self.half_lives_ms):
            growth = np.exp2((at - self._landmark) / length)
            np.add.at(self._weights[:, half_life], (rows, columns), amounts * growth)

    def weights(self, rows: Ints) -> Floats:
        """Return the weights of rows, decayed to each row's `as_of`."""
        age = (self.as_of[rows] - self._landmark)[:, None]  # (n, 1)
        decay = np.exp2(-age / self.half_lives_ms[None])  # (n, H)
        decayed = self._weights[rows].astype(np.float64) * decay[:, :, None]
        return decayed.astype(np.float32)

    def put_weights(self, row: int, weights: Floats, as_of: int) -> None:
        """Set the weights [half-lives, categories] of one row as of an instant."""
        self._move_landmark(as_of)
        growth = np.exp2((as_of - self._landmark) / self.half_lives_ms)
        self._weights[row] = weights * growth[:, None]

    def clear_weights(self, row: int) -> None:
        """Forget what a person likes, for want of consent."""
        self._weights[row] = 0

    def _move_landmark(self, newest: int) -> None:
        age = newest - self._landmark
        if age <= MAX_HALF_LIVES * self.half_lives_ms.min():
            return
        shrink = np.exp2(-(age / self.half_lives_ms)).astype(np.float32)
        self._weights *= shrink[None, :, None]
        self._landmark = newest

    def _grow(self) -> None:
        old = len(self.as_of)
        new = max(64, old)
        self._weights = np.concatenate(
            [self._weights, np.zeros((new, *self._shape), np.float32)]
        )
        self.as_of = np.concatenate([self.as_of, np.zeros(new, np.int64)])
        self.n_events = np.concatenate([self.n_events, np.zeros(new, np.int64)])
        self.n_unclicked = np.concatenate([self.n_unclicked, np.zeros(new, np.int64)])
        self.consent = np.concatenate([self.consent, np.zeros(new, np.bool_)])
        self.offsets = np.concatenate([self.offsets, np.full((new, 3), -1, np.int64)])
        self._free.extend(range(old + new - 1, old - 1, -1))

    def _wipe(self, rows: Ints) -> None:
        self._weights[rows] = 0
        self.as_of[rows] = 0
        self.n_events[rows] = 0
        self.n_unclicked[rows] = 0
        self.consent[rows] = False
        self.offsets[rows] = -1
