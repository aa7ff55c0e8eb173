"""The people of one partition: rows, user ids, vectors and wake-up calls."""

from typing import Any

import numpy as np

from streams.columns.batches import record, records_section
from streams.columns.columns import Columns, Ints, cut
from streams.columns.frames import frames
from streams.columns.key_index import KeyIndex
from streams.columns.payload import Payload
from streams.columns.rows import Rows
from streams.stages.requests import kernels
from streams.stages.requests.alarms import RowAlarms
from streams.stages.requests.needs import NeedRules
from streams.stages.requests.rows import ROW, load_person, store_person
from streams.stages.requests.state import Person, decode_person, encode_person
from streams.stages.requests.styles import KEY_END, StyleCounts
from streams.stages.requests.tastes import Taste, tastes_at, tastes_of_columns
from streams.stages.requests.vectors import VectorPool

_GROWTH = 32
"""Rows grow by 1/32 at a time: the C library moves pages of big arrays, not bytes."""
_LEAST_ROWS = 1024


class PeopleTable:
    """What is remembered of people, by user id.

    Args:
        rules: when a person needs a new creative.
        n_categories: length of a preference vector.
        use_compiled: False takes the Python path though the compiled one is there.
    """

    def __init__(
        self, rules: NeedRules, n_categories: int, *, use_compiled: bool = True
    ) -> None:
        module = kernels.REQUESTS if use_compiled else None
        self._module: Any = module
        self._rules = rules
        self._kernel_rules: Any = module.Rules(rules) if module else rules
        self._index: Any = module.KeyIndex() if module else KeyIndex()
        new_pool = module.VectorPool if module else VectorPool
        self._pool: Any = new_pool(n_categories)
        self._n_categories = n_categories
        self._rows: Rows = np.zeros(0, ROW)
        self._alarms = RowAlarms()
        self._dirty: list[Ints] = []
        self._gone: dict[str, None] = {}
        self._is_restored = False
        self.styles = StyleCounts(rules.fatigue_impressions)
        """What these people saw and did not click."""
        self.n_unfit = 0
        """Records whose weights are not finite, or of another vocabulary."""

    def __len__(self) -> int:
        return len(self._index)

    # -- one person -----------------------------------------------------------------

    def find(self, user_id: str) -> int:
        """Return the row number of a person, or -1."""
        number: int = self._index.find(user_id.encode(), self._rows)
        return number

    def find_or_add(self, user_id: str) -> int:
        """Return the row number of a person, who gets one when there is none."""
        number = self.find(user_id)
        if number < 0:
            self._reserve(1)
            number = self._index.add(user_id.encode(), self._rows)
        return number

    def user_id(self, number: int) -> str:
        """Return the id of the person in a row."""
        row = self._rows[number]
        key: bytes = self._index.key(int(row["key_start"]), int(row["key_length"]))
        # A foreign key in the changelog becomes the id of nobody; it stops no worker.
        return key.decode(errors="replace")

    def load(self, number: int) -> Person | None:
        """Return a copy of the person in a row; None when there is nobody yet."""
        return load_person(self._rows, self._pool, number) if number >= 0 else None

    def store(self, number: int, person: Person) -> None:
        """Put a person into a row."""
        store_person(self._rows, self._pool, number, person)

    def agrees(self, number: int) -> bool:
        """Return whether there is a person in a row who consents."""
        return number >= 0 and bool(self._rows["consent"][number])

    def touch(self, number: int) -> None:
        """Call a row dirty."""
        if not self._rows["dirty"][number]:
            self._rows["dirty"][number] = 1
            self._dirty.append(np.array([number], np.int64))

    def remove(self, user_id: str) -> None:
        """Forget a person; forgetting who is not there changes nothing."""
        self.styles.remove(user_id)
        if self._remove(user_id.encode()):
            self._gone[user_id] = None

    def call_at(self, number: int, at: int) -> None:
        """Have a row looked at when its `alarm_at` has come."""
        self._alarms.put(number, at)

    def _remove(self, key: bytes) -> bool:
        number: int = self._index.find(key, self._rows)
        if number < 0:
            return False
        row = self._rows[number]
        for vector in (row["vector"], *row["places"]["snapshot"]):
            self._pool.give(int(vector))
        self._index.remove(key, self._rows)
        self._rows[number] = np.zeros((), ROW)
        return True

    def _reserve(self, n: int) -> None:
        needed = self._index.n_rows + n
        if needed > len(self._rows):
            size = max(needed, len(self._rows) + len(self._rows) // _GROWTH)
            self._rows.resize(max(size, _LEAST_ROWS), refcheck=False)

    # -- many people ----------------------------------------------------------------

    def follow(self, columns: Columns, rows: slice, now: int) -> list[Taste]:
        """Fold Preference columns in; return, in order, those that need a closer look.

        Weights that do not fit are left out and counted.

        Args:
            columns: in offset order.
            rows: of the columns.
            now: epoch ms.
        """
        if self._module is None:
            found, n_unfit = tastes_of_columns(columns, rows, self._n_categories)
            self.n_unfit += n_unfit
            return found
        self._reserve(rows.stop - rows.start)
        flagged, vectors, liked, dirty, unfit = self._module.follow(
            self._kernel_rules,
            self._index,
            self._pool,
            self._rows,
            columns,
            rows.start,
            rows.stop,
            now,
        )
        self._dirty.append(dirty)
        self.n_unfit += len(unfit)
        return tastes_at(columns, flagged, vectors, liked.tolist())

    def ring(self, now: int) -> list[int]:
        """Return the rows that are due and need a closer look."""
        return self._look(self._alarms.ring(now, self._rows["alarm_at"]), now)

    def end_restore(self, now: int) -> None:
        """Set the wake-up calls of restored rows; the next tick looks at some."""
        if not self._is_restored:
            return
        self._is_restored = False
        waiting = (self._rows["since"] > 0) & (self._rows["alarm_at"] == 0)
        for number in self._look(np.flatnonzero(waiting), now):
            self._rows["alarm_at"][number] = now
            self.call_at(number, now)

    def _look(self, numbers: Ints, now: int) -> list[int]:
        """Call again for rows for which nothing is to be done now; return the rest."""
        if self._module is None or not len(numbers):
            waiting: list[int] = numbers.tolist()
            return waiting
        flagged, calm, dirty = self._module.look(
            self._kernel_rules, self._index, self._pool, self._rows, numbers, now
        )
        self._dirty.append(dirty)
        self._alarms.put_all(calm, self._rows["alarm_at"][calm])
        found: list[int] = flagged.tolist()
        return found

    # -- changelog ------------------------------------------------------------------

    def take_sections(self, max_bytes: int) -> list[tuple[bytes, int]]:
        """Return changed people as records sections, a little over `max_bytes` each."""
        numbers = np.concatenate([*self._dirty, np.zeros(0, np.int64)])
        self._dirty = []
        numbers = np.unique(numbers[self._rows["dirty"][numbers] > 0])
        gone, self._gone = list(self._gone), {}
        tombstones = records_section((one.encode(), None) for one in gone)
        found = [(tombstones, len(gone))] if gone else []
        found += self._sections(numbers, max_bytes)
        return found + self.styles.take_sections(max_bytes)

    def _sections(self, numbers: Ints, max_bytes: int) -> list[tuple[bytes, int]]:
        found: list[tuple[bytes, int]] = []
        if self._module is not None:
            if len(numbers):
                found = self._module.sections(
                    self._index, self._pool, self._rows, numbers, max_bytes
                )
            return found
        self._rows["dirty"][numbers] = 0
        parts: list[bytes] = []
        for number in numbers.tolist():
            person = self.load(number)
            if person is not None:
                key = self.user_id(number).encode()
                row = encode_person(person, self._n_categories)
                parts.append(record(len(parts), key, row))
            if sum(map(len, parts)) >= max_bytes:
                found.append((b"".join(parts), len(parts)))
                parts = []
        return [*found, (b"".join(parts), len(parts))] if parts else found

    def restore(self, payload: Payload, from_offset: int) -> None:
        """Take people back from a batch of the changelog, in offset order."""
        self._is_restored = True
        self._reserve(payload.n_records)
        if self._module is not None:
            styles = self._module.restore(
                self._index, self._pool, self._rows, payload, from_offset
            )
            for key, row in styles:
                self.styles.restore(key, row)
            return
        for delta, key_span, span in frames(bytes(payload.records), payload.n_records):
            if payload.base_offset + delta < from_offset:
                continue
            key, row = cut(payload, key_span) or b"", cut(payload, span)
            if key.endswith(KEY_END):
                self.styles.restore(key[: -len(KEY_END)], row)
                continue
            self._remove(key)
            if row is not None:
                number = self._index.add(key, self._rows)
                self.store(number, decode_person(row, self._n_categories))
