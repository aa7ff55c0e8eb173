"""The attribution stage's four tables, and when their rows go.

Impressions, reactions, creatives, and people's clicks per hour: each row is kept for as
long as something may still join it, and its deletion is written.

A row's window is over when the partition's event time has passed its end; on an idle
partition, where event time stands still, when the row has lain here for its length.
Before either, everything stays for a settling time of the wall clock, so that a log
replayed at speed, in any order, joins as if it had come live.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from streams.engine.alarms import Alarms
from streams.engine.keyed_state import KeyedState
from streams.engine.stage import StateRow
from streams.stages.attribution.reference import Impressions
from streams.stages.attribution.segments import SegmentLog
from streams.stages.attribution.state import (
    ClickHour,
    KnownCreative,
    Reactions,
    decode_creative,
    decode_hour,
    decode_reactions,
    encode_creative,
    encode_hour,
    encode_reactions,
)

HOUR_MS = 3_600_000

_SEGMENT, _REACTIONS, _CREATIVE, _HOUR = "s:", "r:", "c:", "h:"
"""Before the keys, in the changelog and in calls."""


@dataclass(frozen=True, slots=True)
class Window:
    """`length` ms on both clocks: of the wall from arrival, of event time."""

    arrived_at: int
    starts_at: int
    length: int


class AttributionTables:
    """What has been seen, by partition.

    Args:
        click_ms: click window, also the settling time.
        correction_ms: correction window.
        new_impressions: makes the table of impressions of a partition.
    """

    def __init__(
        self,
        click_ms: int,
        correction_ms: int,
        new_impressions: Callable[[int, int], Impressions],
    ) -> None:
        self.reactions = KeyedState(encode_reactions, decode_reactions)
        self.creatives = KeyedState(encode_creative, decode_creative)
        self.hours = KeyedState(encode_hour, decode_hour)
        self._by_wall, self._by_event = Alarms(), Alarms()
        self._click_ms = click_ms
        self._settle_ms = max(1, click_ms)
        self._kept_ms = correction_ms + click_ms
        self._new_impressions = new_impressions
        self._impressions: dict[int, Impressions] = {}
        self._segments: dict[int, SegmentLog] = {}
        self._restoring: set[int] = set()
        self._tables: dict[str, KeyedState[Any]] = {
            _REACTIONS: self.reactions,
            _CREATIVE: self.creatives,
            _HOUR: self.hours,
        }
        self._filled: dict[tuple[int, str], set[str]] = defaultdict(set)
        """(partition, user id | placement) -> creatives made for it."""

    def impressions(self, partition: int) -> Impressions:
        """Return the impressions of a partition."""
        table = self._impressions.get(partition)
        if table is None:
            table = self._new_impressions(self._click_ms, self._kept_ms)
            self._impressions[partition] = table
            self._segments[partition] = SegmentLog(partition, table)
        return table

    def partitions(self) -> list[int]:
        """Return the partitions with impressions, or a clock."""
        return list(self._impressions)

    def take_dirty(self) -> list[StateRow]:
        """Return the changed rows of all tables."""
        rows = [row for log in self._segments.values() for row in log.take_rows()]
        return [
            StateRow(row.partition, _SEGMENT + row.key, row.value) for row in rows
        ] + [
            StateRow(row.partition, prefix + row.key, row.value)
            for prefix, table in self._tables.items()
            for row in table.take_dirty()
        ]

    def restore(self, rows: Iterable[StateRow]) -> None:
        """Take rows back, and have each looked at by both clocks."""
        changed: dict[tuple[int, str], None] = {}
        for row in rows:
            prefix, key = row.key[:2], row.key[2:]
            if prefix == _SEGMENT:
                self.impressions(row.partition)
                self._segments[row.partition].restore(int(key), row.value)
                self._restoring.add(row.partition)
                continue
            self._tables[prefix].restore([StateRow(row.partition, key, row.value)])
            changed[row.partition, row.key] = None
        for partition, call in changed:
            self._restored(partition, call[:2], call[2:])

    def end_restore(self) -> None:
        """Forget what had ended before; call it before anything but `restore`."""
        while self._restoring:
            self._segments[self._restoring.pop()].end_restore()

    def _restored(self, partition: int, prefix: str, key: str) -> None:
        impressions = self.impressions(partition)
        value = self._tables[prefix].get(partition, key)
        match value:
            case Reactions():
                impressions.react(key)
                self.watch_reactions(partition, key, value)
            case KnownCreative():
                impressions.know(key, value, 0, None)
                self._watch_creative(partition, key, value)
            case ClickHour():
                self.watch_hour(partition, key, value)
            case None if prefix == _REACTIONS:
                impressions.unreact(key)
            case None if prefix == _CREATIVE:
                impressions.forget(key)

    def drop(self, partition: int) -> None:
        """Forget a partition."""
        self._impressions.pop(partition, None)
        self._segments.pop(partition, None)
        self._restoring.discard(partition)
        for table in self._tables.values():
            table.drop(partition)
        for owner in [owner for owner in self._filled if owner[0] == partition]:
            del self._filled[owner]
        self._by_wall.drop(partition)
        self._by_event.drop(partition)

    # -- rows that come -------------------------------------------------------------

    def watch_reactions(self, partition: int, key: str, reactions: Reactions) -> None:
        """Have reactions looked at, in case that their impression does not come."""
        self._watch(partition, _REACTIONS + key, self._window_of(reactions))

    def watch_hour(self, partition: int, key: str, hour: ClickHour) -> None:
        """Have an hour of clicks looked at when it is time."""
        self._watch(partition, _HOUR + key, self._window_of_hour(key, hour))

    def learn(self, partition: int, key: str, creative: KnownCreative) -> bool:
        """Keep a creative; return whether it is new."""
        if self.creatives.get(partition, key) is not None:
            return False
        self.creatives.put(partition, key, creative)
        self._watch_creative(partition, key, creative)
        return True

    def _watch_creative(
        self, partition: int, key: str, creative: KnownCreative
    ) -> None:
        self._filled[partition, creative.key].add(key)
        self._watch(partition, _CREATIVE + key, self._window_of_creative(creative))

    def _watch(self, partition: int, call: str, window: Window) -> None:
        """Have a row looked at when it has settled, and when its window is over."""
        self._by_wall.put(partition, call, window.arrived_at + self._settle_ms)
        self._by_wall.put(partition, call, window.arrived_at + window.length)
        self._by_event.put(partition, call, window.starts_at + window.length)

    # -- rows that go ---------------------------------------------------------------

    def ring(self, now: int) -> Iterator[tuple[str, Reactions]]:
        """Let rows go that are over; yield reactions whose impression never came."""
        for partition, call in self._due(now):
            prefix, key = call[:2], call[2:]
            if prefix == _CREATIVE:
                self._end_creative(partition, key, now)
            elif prefix == _HOUR:
                self._end_hour(partition, key, now)
            elif orphans := self._end_reactions(partition, key, now):
                yield key, orphans

    def end_reactions(self, partition: int, key: str) -> None:
        """Forget the reactions to an impression."""
        self.reactions.delete(partition, key)
        self.impressions(partition).unreact(key)

    def withdraw(self, partition: int, slot: str) -> None:
        """Forget all creatives of a user id | placement."""
        for key in self._filled.pop((partition, slot), ()):
            self.creatives.delete(partition, key)
            self.impressions(partition).forget(key)

    def _due(self, now: int) -> Iterator[tuple[int, str]]:
        for partition in self._by_wall.partitions():
            watermark = self._watermark(partition, now)
            for call in self._by_wall.ring(partition, now):
                yield partition, call
            for call in self._by_event.ring(partition, watermark):
                yield partition, call

    def _watermark(self, partition: int, now: int) -> int:
        """Return the partition's event time; a clock ahead of ours cannot push it."""
        table = self._impressions.get(partition)
        return min(0 if table is None else table.newest, now)

    def _is_over(self, partition: int, window: Window, now: int) -> bool:
        if now < window.arrived_at + self._settle_ms:
            return False
        watermark = self._watermark(partition, now)
        return (
            now >= window.arrived_at + window.length
            or watermark >= window.starts_at + window.length
        )

    def _end_reactions(self, partition: int, key: str, now: int) -> Reactions | None:
        """End what is over; reactions that have their impression end with it."""
        reactions = self.reactions.get(partition, key)
        if reactions is None or self.impressions(partition).find(key) is not None:
            return None
        if not self._is_over(partition, self._window_of(reactions), now):
            return None
        self.end_reactions(partition, key)
        return reactions

    def _end_creative(self, partition: int, key: str, now: int) -> None:
        creative = self.creatives.get(partition, key)
        if creative is None:
            return
        if not self._is_over(partition, self._window_of_creative(creative), now):
            return
        if self.impressions(partition).shows(key):
            # Shown past its life: it goes when its last impression has gone.
            self._by_wall.put(partition, _CREATIVE + key, now + self._settle_ms)
            return
        self.creatives.delete(partition, key)
        self.impressions(partition).forget(key)
        slot = self._filled[partition, creative.key]
        slot.discard(key)
        if not slot:
            del self._filled[partition, creative.key]

    def _end_hour(self, partition: int, key: str, now: int) -> None:
        hour = self.hours.get(partition, key)
        if hour is not None and self._is_over(
            partition, self._window_of_hour(key, hour), now
        ):
            self.hours.delete(partition, key)

    # -- windows --------------------------------------------------------------------

    def _window_of(self, reactions: Reactions) -> Window:
        return Window(reactions.arrived_at, reactions.starts_at, self._kept_ms)

    def _window_of_creative(self, creative: KnownCreative) -> Window:
        life = creative.expires_at - creative.created_at
        length = life + self._click_ms + self._kept_ms
        return Window(creative.arrived_at, creative.created_at, length)

    def _window_of_hour(self, key: str, hour: ClickHour) -> Window:
        starts_at = int(key.rpartition("/")[2]) * HOUR_MS
        return Window(hour.arrived_at, starts_at, HOUR_MS + self._kept_ms)


def hour_key(user_id: str, at: int) -> str:
    """Return the key of a person's hour of clicks."""
    return f"{user_id}/{at // HOUR_MS}"
