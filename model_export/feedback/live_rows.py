"""Feedback since a version was made -> a row for each impression, its latest label."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_export.critic.taste import TasteModel
from model_export.feedback.dataset import CONTROL_ARM, Vectors
from schemas.records import Feedback

_FIRST = 1_024

Floats = NDArray[np.float32]
Column = NDArray[Any]


@dataclass(slots=True)
class _Waiting:
    """An impression whose person is not worked out yet."""

    row: int
    condition: Floats


class LiveRows:
    """Impressions in columns that grow; the first `n` rows are in use.

    Args:
        width: D, of a design.
        taste: tells the person's features.
    """

    def __init__(self, width: int, taste: TasteModel) -> None:
        self.n = 0
        self._taste = taste
        self._row_of: dict[int, int] = {}
        self._waiting: list[_Waiting] = []
        self._columns: dict[str, Column] = {
            "key": np.zeros(_FIRST, np.uint64),
            "design": np.zeros((_FIRST, width), np.float32),
            "person": np.zeros((_FIRST, taste.n_features), np.float32),
            "clicked": np.zeros(_FIRST, np.float32),
            "valid": np.zeros(_FIRST, bool),
            "decided": np.zeros(_FIRST, bool),
            "served": np.zeros(_FIRST, bool),
            "partition": np.zeros(_FIRST, np.int64),
            "shown_at": np.zeros(_FIRST, np.int64),
            "delay": np.zeros(_FIRST, np.int64),
            "revision": np.zeros(_FIRST, np.int64),
            "user": np.zeros(_FIRST, np.uint64),
            "weight": np.zeros(_FIRST),
        }

    def __getitem__(self, name: str) -> Column:
        """Return a column: a view of its rows in use."""
        if name == "person":
            self._work_out()
        return self._columns[name][: self.n]

    def __contains__(self, key: int) -> bool:
        return key in self._row_of

    def take(
        self, record: Feedback, key: int, user: int, partition: int, read: Vectors
    ) -> None:
        """Add an impression, or give it the label of a higher revision.

        Args:
            record: its feedback.
            key: of the impression.
            user: of the person.
            partition: that the record came from.
            read: design and condition.
        """
        row = self._row_of.get(key)
        columns = self._columns
        if row is None:
            row = self._added(key)
            columns["design"][row] = read[0]
            columns["served"][row] = record.arm != CONTROL_ARM
            columns["partition"][row] = partition
            columns["shown_at"][row] = record.shown_at
            columns["user"][row] = user
            self._waiting.append(_Waiting(row, read[1]))
        elif record.revision <= columns["revision"][row]:
            return
        columns["clicked"][row] = record.reward > 0
        columns["valid"][row] = record.valid
        columns["decided"][row] |= record.outcome == "none"
        columns["delay"][row] = record.delay_ms or 0
        columns["revision"][row] = record.revision

    def drop(self, rows: NDArray[np.bool_]) -> None:
        """Forget the rows where `rows` is True."""
        self._work_out()
        kept = ~rows
        self.n, before = int(kept.sum()), self.n
        for name, column in self._columns.items():
            column[: self.n] = column[:before][kept]
            self._columns[name] = column
        self._row_of = {
            key: row for row, key in enumerate(self._columns["key"][: self.n].tolist())
        }

    def _added(self, key: int) -> int:
        row = self.n
        if row == len(self._columns["key"]):
            for name, column in self._columns.items():
                self._columns[name] = np.concatenate([column, np.zeros_like(column)])
        self._row_of[key] = row
        self._columns["key"][row] = key
        self._columns["revision"][row] = -1
        self._columns["decided"][row] = False
        self._columns["weight"][row] = 0.0
        self.n += 1
        return row

    def _work_out(self) -> None:
        """Tell the features of new people, all at once."""
        if self._waiting:
            rows = [one.row for one in self._waiting]
            conditions = np.array([one.condition for one in self._waiting], np.float32)
            self._columns["person"][rows] = self._taste.features(conditions)
            self._waiting.clear()


def within_cap(
    clicked: NDArray[np.bool_], user: Column, at: Column, key: Column, most: int
) -> NDArray[np.bool_]:
    """Return which rows count when only each person's first clicks do: bool[n]."""
    answer = np.ones(len(clicked), bool)
    rows = np.flatnonzero(clicked)
    order = rows[np.lexsort([key[rows], at[rows], user[rows]])]
    starts = np.flatnonzero(np.diff(user[order], prepend=user[order][:1] + 1) != 0)
    rank = np.arange(len(order)) - np.repeat(starts, np.diff([*starts, len(order)]))
    answer[order[rank >= most]] = False
    return answer
