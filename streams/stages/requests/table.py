"""The people of one partition in the compiled rows, and the calls to look at them."""

from array import array
from heapq import heappop, heappush
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from streams.columns.batches import records_section
from streams.columns.columns import Columns, Ints
from streams.columns.payload import Payload
from streams.stages.requests.person import (
    NeedRules,
    Person,
    decode_person,
    mark_bytes,
)
from streams.stages.requests.reading import Taste, tastes_at
from streams.stages.requests.reference import rows_of
from streams.stages.requests.styles import KEY_END, StyleCounts

Styles = list[tuple[bytes, bytes | None]]
"""(user id, row) of what was seen and not clicked."""

BUCKET_BITS = 8
"""Calls lie in buckets of 2**8 ms."""


class RowAlarms:
    """Wake-up calls for row numbers; when each is due is the row's `alarm_at`.

    A row may be called for more than once: of a call whose bucket is not that of the
    row's `alarm_at`, nothing comes.

    >>> alarms = RowAlarms()
    >>> alarms.put(0, 500)
    >>> alarm_at = np.array([500])
    >>> alarms.ring(499, alarm_at).tolist(), alarms.ring(500, alarm_at).tolist()
    ([], [0])
    """

    def __init__(self) -> None:
        self._buckets: dict[int, array[int]] = {}
        self._order: list[int] = []

    def put(self, number: int, at: int) -> None:
        """Call for a row at an instant, epoch ms."""
        self._bucket(at >> BUCKET_BITS).append(number)

    def put_all(self, numbers: Ints, at: Ints) -> None:
        """Call for rows [n] at instants [n]."""
        if not len(numbers):
            return
        order = np.argsort(at, kind="stable")
        numbers, buckets = numbers[order], at[order] >> BUCKET_BITS
        starts = np.flatnonzero(np.diff(buckets, prepend=-1))
        parts = np.split(numbers, starts[1:])
        for bucket, part in zip(buckets[starts].tolist(), parts, strict=True):
            self._bucket(bucket).frombytes(part.astype(np.int64).tobytes())

    def ring(self, clock: int, alarm_at: npt.NDArray[np.int64]) -> Ints:
        """Return the rows that are due.

        Args:
            clock: epoch ms.
            alarm_at: of all rows, epoch ms.
        """
        due = [np.zeros(0, np.int64)]
        now = clock >> BUCKET_BITS
        while self._order and self._order[0] <= now:
            bucket = heappop(self._order)
            numbers = np.unique(np.array(self._buckets.pop(bucket), np.int64))
            at = alarm_at[numbers]
            due.append(numbers[at <= clock])
            waiting = numbers[(at > clock) & (at >> BUCKET_BITS == bucket)]
            if len(waiting):
                self._bucket(bucket).frombytes(waiting.tobytes())
                break  # the bucket of now is the last one
        return np.unique(np.concatenate(due))

    def _bucket(self, bucket: int) -> "array[int]":
        found = self._buckets.get(bucket)
        if found is None:
            found = self._buckets[bucket] = array("q")
            heappush(self._order, bucket)
        return found


class PeopleTable:
    """What is remembered of people, by user id; `reference.PeopleByName` says what.

    Args:
        kernel: the compiled module.
        rules: when a person needs a new creative.
        n_categories: length of a preference vector.
    """

    def __init__(self, kernel: ModuleType, rules: NeedRules, n_categories: int) -> None:
        self.styles = StyleCounts(rules.fatigue_impressions)
        """What these people saw and did not click."""
        self._rows: Any = kernel.Rows(rules, n_categories, mark_bytes())
        self._n_categories = n_categories
        self._alarms = RowAlarms()
        self._gone: dict[str, None] = {}
        self._is_restored = False

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def n_unfit(self) -> int:
        """Records whose weights are not finite, or of another vocabulary."""
        n: int = self._rows.n_unfit
        return n

    # -- one person -----------------------------------------------------------------

    def load(self, user_id: str) -> Person | None:
        """Return a copy of a person; None when there is nobody yet."""
        person: Person | None = self._rows.load(user_id)
        return person

    def store(self, user_id: str, person: Person) -> None:
        """Keep a person, and have them looked at when their `alarm_at` has come."""
        number, is_called = self._rows.store(user_id, person)
        if is_called:
            self._alarms.put(number, person.alarm_at)

    def agrees(self, user_id: str) -> bool:
        """Return whether there is such a person, who consents."""
        agrees: bool = self._rows.agrees(user_id)
        return agrees

    def remove(self, user_id: str) -> None:
        """Forget a person; forgetting who is not there changes nothing."""
        self.styles.remove(user_id)
        if self._rows.remove(user_id):
            self._gone[user_id] = None

    # -- many people ----------------------------------------------------------------

    def follow(self, columns: Columns, rows: slice, now: int) -> list[Taste]:
        """Fold Preference columns in; return, in order, those that need a closer look.

        Weights that do not fit are left out and counted.

        Args:
            columns: in offset order.
            rows: of the columns.
            now: epoch ms.
        """
        flagged, vectors, liked = self._rows.follow(columns, rows.start, rows.stop, now)
        return tastes_at(columns, flagged, vectors, liked.tolist())

    def due(self, now: int) -> list[str]:
        """Return the people to look at, who may need something."""
        numbers = self._look(self._alarms.ring(now, self._rows.alarm_at), now)
        return [self._rows.user_id(number) for number in numbers]

    def end_restore(self, now: int) -> None:
        """Set the wake-up calls of restored rows; the next tick looks at some."""
        if not self._is_restored:
            return
        self._is_restored = False
        waiting = (self._rows.since > 0) & (self._rows.alarm_at == 0)
        for number in self._look(np.flatnonzero(waiting), now):
            self._rows.alarm_at[number] = now
            self._alarms.put(number, now)

    def _look(self, numbers: Ints, now: int) -> list[int]:
        """Call again for rows for which nothing is to be done now; return the rest."""
        flagged, calm = self._rows.look(numbers, now)
        self._alarms.put_all(calm, self._rows.alarm_at[calm])
        found: list[int] = flagged.tolist()
        return found

    # -- changelog ------------------------------------------------------------------

    def take_sections(self, max_bytes: int) -> list[tuple[bytes, int]]:
        """Return changed people as records sections, a little over `max_bytes` each."""
        gone, self._gone = list(self._gone), {}
        tombstones = records_section((one.encode(), None) for one in gone)
        found = [(tombstones, len(gone))] if gone else []
        found += self._rows.sections(max_bytes)
        return found + self.styles.take_sections(max_bytes)

    def restore(self, payload: Payload, from_offset: int) -> None:
        """Take people back from a batch of the changelog, in offset order."""
        self._is_restored = True
        styles = self._rows.restore(payload, from_offset)
        if styles is None:
            styles = self._restore_others(payload, from_offset)
        for key, row in styles:
            self.styles.restore(key, row)

    def _restore_others(self, payload: Payload, from_offset: int) -> Styles:
        """Take a batch back row by row: some are of another vocabulary."""
        styles = []
        for key, row in rows_of(payload, from_offset):
            if key.endswith(KEY_END):
                styles.append((key[: -len(KEY_END)], row))
                continue
            user_id = key.decode(errors="replace")
            self._rows.remove(user_id)
            if row is not None:
                self._rows.store(user_id, decode_person(row, self._n_categories))
        return styles
