"""Everything that is kept of the people of one partition."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from streams.columns.columns import Columns, Ints
from streams.columns.compiled import built
from streams.columns.rows import Rows, row_dtype
from streams.columns.rules import FoldRules

KERNEL = built("streams.stages.preferences.kernel")
"""None where `reference.py` runs."""

_GROWTH = 8
"""Rows grow by 1/8 at a time, where they are: untouched memory costs nothing."""
_LEAST_ROWS = 1024
_MOST_BYTES = 128 << 30
"""Address space for the rows of a partition, more than any has memory."""


class UserTable:
    """Rows of people, their ids, and the ids of the events folded in lately.

    Args:
        rules: what an event is worth.
        window: so many events a repeated id is recognised at least.

    Raises:
        RuntimeError: the kernel is not built.
    """

    def __init__(self, rules: FoldRules, window: int) -> None:
        if KERNEL is None:
            raise RuntimeError("the preferences kernel is not built: use the reference")
        self.rules = rules
        self.dtype = row_dtype(len(rules.half_lives_ms), len(rules.categories))
        self.rows: Rows = np.zeros(0, self.dtype)
        self.replayed: Ints = np.zeros(0, np.int64)
        """Per restored row: the last behaviour offset that it includes."""
        self.kernel: Any = KERNEL
        self.index: Any = KERNEL.KeyIndex()
        self.window: Any = KERNEL.Window(window)
        self._region: Any = KERNEL.Region(_MOST_BYTES)
        self.kernel_rules: Any = KERNEL.Folder(rules)
        self._dirty: list[Ints] = []
        self.n_dirty = 0
        """Rows changed since `take_dirty`; one that was left and taken anew, twice."""

    def __len__(self) -> int:
        return len(self.index)

    def reserve(self, n: int) -> None:
        """Make room for `n` more people."""
        needed = self.index.n_rows + n
        if needed > len(self.rows):
            size = max(needed, len(self.rows) + len(self.rows) // _GROWTH, _LEAST_ROWS)
            self._grow(size)

    def _grow(self, size: int) -> None:
        self.rows = self.rows[:0].copy()  # where they cannot stay, they may move
        self._region.grow(size * self.dtype.itemsize)
        self.rows = np.frombuffer(self._region, self.dtype)

    def fold(self, columns: Columns) -> int:
        """Fold Behavior columns in; return how many events were new."""
        if not len(columns):
            return 0
        self.reserve(len(columns))
        dirty = np.empty(len(columns), np.int64)
        n_dirty, n_folded = self.kernel.fold(
            self.kernel_rules,
            self.index,
            self.window,
            self.rows,
            columns,
            self.replayed,
            dirty,
        )
        self._dirty.append(dirty[:n_dirty].copy())
        self.n_dirty += n_dirty
        return int(n_folded)

    def recall(self, columns: Columns) -> None:
        """See the event ids of columns that the rows include already."""
        if len(columns):
            self.kernel.recall(self.window, columns)

    def find(self, user_id: str) -> int:
        """Return the row number of a person, or -1."""
        number: int = self.index.find(user_id.encode(), self.rows)
        return number

    def find_or_add(self, user_id: str) -> int:
        """Return the row number of a person, who gets one when there is none."""
        key = user_id.encode()
        self.reserve(1)
        number: int = self.index.find(key, self.rows)
        if number < 0:
            number = self.index.add(key, self.rows)
        return number

    def signal(
        self,
        number: int,
        at: int,
        *,
        consent: bool,
        columns: Sequence[int],
        amounts: Sequence[float],
        is_event: bool,
    ) -> None:
        """Fold in something that says what a person likes, other than behaviour.

        Args:
            number: row of the person.
            at: epoch ms.
            consent: without it nothing is learnt, and what was is forgotten.
            columns: categories.
            amounts: what each gains, in clicks.
            is_event: whether it counts as something the person did.
        """
        self.kernel.signal(
            self.kernel_rules,
            self.rows,
            number,
            at,
            consent,
            np.array(columns, np.int64),
            np.array(amounts, np.float64),
            is_event,
        )
        self.touch(number)

    def touch(self, number: int) -> None:
        """Call a row dirty."""
        if not self.rows["dirty"][number]:
            self.rows["dirty"][number] = 1
            self._dirty.append(np.array([number], np.int64))
            self.n_dirty += 1

    def take_dirty(self) -> Ints:
        """Return the numbers of the rows changed since the last call."""
        numbers: Ints = np.concatenate([*self._dirty, np.zeros(0, np.int64)])
        self._dirty, self.n_dirty = [], 0
        found: Ints = self.kernel.clean(self.rows, numbers)
        return found

    def remove(self, user_id: str) -> bool:
        """Forget a person; return whether there was anything to forget."""
        number: int = self.index.remove(user_id.encode(), self.rows)
        if number < 0:
            return False
        self.rows[number] = np.zeros((), self.dtype)
        if number < len(self.replayed):
            self.replayed[number] = -1
        return True

    def user_id(self, number: int) -> str:
        """Return the id of the person in a row."""
        row = self.rows[number]
        key: bytes = self.index.key(int(row["key_start"]), int(row["key_length"]))
        return key.decode()
