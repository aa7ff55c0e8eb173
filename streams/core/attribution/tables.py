"""The attribution stage's three tables, and when their rows go.

Impressions with their reactions, creatives, and people's clicks per hour: each row is
kept for as long as something may still join it, and its deletion is written.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from streams.core.attribution.state import (
    ClickHour,
    Join,
    KnownCreative,
    decode_creative,
    decode_hour,
    decode_join,
    encode_creative,
    encode_hour,
    encode_join,
)
from streams.core.attribution.windows import Window, Windows
from streams.core.keyed_state import KeyedState
from streams.core.stage import StateRow

HOUR_MS = 3_600_000

_JOIN, _CREATIVE, _HOUR = "i:", "c:", "h:"
"""Before the keys, in the changelog and in calls."""


class AttributionTables:
    """What has been seen, by partition.

    Args:
        click_ms: click window, also the settling time.
        correction_ms: correction window.
    """

    def __init__(self, click_ms: int, correction_ms: int) -> None:
        self.windows = Windows(click_ms)
        self.joins = KeyedState(encode_join, decode_join)
        self.creatives = KeyedState(encode_creative, decode_creative)
        self.hours = KeyedState(encode_hour, decode_hour)
        self._click_ms = click_ms
        self._kept_ms = correction_ms + click_ms
        self._tables: dict[str, KeyedState[Any]] = {
            _JOIN: self.joins,
            _CREATIVE: self.creatives,
            _HOUR: self.hours,
        }
        self._shown: dict[tuple[int, str], set[str]] = defaultdict(set)
        """(partition, creative id) -> impressions of it."""
        self._filled: dict[tuple[int, str], set[str]] = defaultdict(set)
        """(partition, user id | placement) -> creatives made for it."""

    def take_dirty(self) -> list[StateRow]:
        """Return the changed rows of all tables."""
        return [
            StateRow(row.partition, prefix + row.key, row.value)
            for prefix, table in self._tables.items()
            for row in table.take_dirty()
        ]

    def restore(self, rows: Iterable[StateRow]) -> None:
        """Take rows back, and have each looked at by both clocks."""
        calls: dict[tuple[int, str], None] = {}
        for row in rows:
            bare = StateRow(row.partition, row.key[2:], row.value)
            self._tables[row.key[:2]].restore([bare])
            calls[row.partition, row.key] = None
        for partition, call in calls:
            key = call[2:]
            value = self._tables[call[:2]].get(partition, key)
            match value:
                case Join():
                    self.watch_join(partition, key, value)
                case KnownCreative():
                    self.watch_creative(partition, key, value)
                case ClickHour():
                    self.watch_hour(partition, key, value)

    def drop(self, partition: int) -> None:
        """Forget a partition."""
        for table in self._tables.values():
            table.drop(partition)
        for index in (self._shown, self._filled):
            for owner in [owner for owner in index if owner[0] == partition]:
                del index[owner]
        self.windows.drop(partition)

    # -- rows that come -------------------------------------------------------------

    def watch_join(self, partition: int, key: str, join: Join) -> None:
        """Have an impression, or reactions without one, looked at when it is time."""
        self.windows.begin(partition, _JOIN + key, join.arrived_at)
        if join.shown is None:
            return
        closes_at = join.shown.at + self._click_ms
        self.windows.call_at(partition, _JOIN + key, closes_at)
        if join.shown.creative_id is not None:
            self._shown[partition, join.shown.creative_id].add(key)

    def watch_creative(self, partition: int, key: str, creative: KnownCreative) -> None:
        """Have a creative looked at when it is time."""
        self._filled[partition, creative.key].add(key)
        self.windows.begin(partition, _CREATIVE + key, creative.arrived_at)

    def watch_hour(self, partition: int, key: str, hour: ClickHour) -> None:
        """Have an hour of clicks looked at when it is time."""
        self.windows.begin(partition, _HOUR + key, hour.arrived_at)

    def impressions_of(self, partition: int, creative_id: str) -> list[str]:
        """Return the remembered impressions of a creative."""
        return sorted(self._shown.get((partition, creative_id), ()))

    # -- rows that go ---------------------------------------------------------------

    def ring(self, now: int) -> Iterator[tuple[int, str, Join]]:
        """Let creatives and hours go that are over; yield the joins to look at."""
        for partition, call in self.windows.ring(now):
            table, key = call[:2], call[2:]
            if table == _CREATIVE:
                self._end_creative(partition, key, now)
            elif table == _HOUR:
                self._end_hour(partition, key, now)
            elif join := self.joins.get(partition, key):
                yield partition, key, join

    def end_join(self, partition: int, key: str, join: Join, now: int) -> bool:
        """Forget an impression when its windows are over; return whether they are."""
        window = Window(join.arrived_at, join.starts_at, self._kept_ms)
        if not self.windows.end(partition, _JOIN + key, window, now):
            return False
        self.joins.delete(partition, key)
        if join.shown is not None and join.shown.creative_id is not None:
            _discard(self._shown, (partition, join.shown.creative_id), key)
        return True

    def withdraw(self, partition: int, slot: str) -> None:
        """Forget all creatives of a user id | placement."""
        for key in self._filled.pop((partition, slot), ()):
            self.creatives.delete(partition, key)

    def _end_creative(self, partition: int, key: str, now: int) -> None:
        creative = self.creatives.get(partition, key)
        if creative is None:
            return
        life = creative.expires_at - creative.created_at
        window = Window(
            creative.arrived_at,
            creative.created_at,
            life + self._click_ms + self._kept_ms,
        )
        if not self.windows.end(partition, _CREATIVE + key, window, now):
            return
        if (partition, key) in self._shown:
            # Shown past its life: it goes when its last impression has gone.
            self.windows.begin(partition, _CREATIVE + key, now)
            return
        self.creatives.delete(partition, key)
        _discard(self._filled, (partition, creative.key), key)

    def _end_hour(self, partition: int, key: str, now: int) -> None:
        hour = self.hours.get(partition, key)
        if hour is None:
            return
        starts_at = int(key.rpartition("/")[2]) * HOUR_MS
        window = Window(hour.arrived_at, starts_at, HOUR_MS + self._kept_ms)
        if self.windows.end(partition, _HOUR + key, window, now):
            self.hours.delete(partition, key)


def hour_key(user_id: str, at: int) -> str:
    """Return the key of a person's hour of clicks."""
    return f"{user_id}/{at // HOUR_MS}"


def _discard(
    index: dict[tuple[int, str], set[str]], owner: tuple[int, str], key: str
) -> None:
    index[owner].discard(key)
    if not index[owner]:
        del index[owner]
