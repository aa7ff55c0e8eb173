"""Event time and wall clock -> when a window is over.

A window is over when the partition's event time has passed its end; on an idle
partition, where event time stands still, when it has lain here for its length. Before
either, everything stays for a settling time of the wall clock, so that a log replayed
at speed, in any order, joins as if it had come live.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from streams.engine.alarms import Alarms


@dataclass(frozen=True, slots=True)
class Window:
    """`length` ms on both clocks: of the wall from arrival, of event time."""

    arrived_at: int
    starts_at: int
    length: int


class Windows:
    """Two clocks per partition, and the calls for what they make due.

    Args:
        settle_ms: least time that anything stays, by the wall clock.
        newest: returns a partition's newest event time.
    """

    def __init__(self, settle_ms: int, newest: Callable[[int], int]) -> None:
        self._settle_ms = max(1, settle_ms)
        self._newest = newest
        self._by_event = Alarms()
        self._by_wall = Alarms()

    def watermark(self, partition: int, now: int) -> int:
        """Return the partition's event time; a clock ahead of ours cannot push it."""
        return min(self._newest(partition), now)

    def begin(self, partition: int, key: str, arrived_at: int) -> None:
        """Have the key looked at when it has settled."""
        self._by_wall.put(partition, key, arrived_at + self._settle_ms)

    def is_settled(self, arrived_at: int, now: int) -> bool:
        """Return whether something has been here for the settling time."""
        return now >= arrived_at + self._settle_ms

    def end(self, partition: int, key: str, window: Window, now: int) -> bool:
        """Return whether a window is over; if not, have it looked at when it is."""
        if not self.is_settled(window.arrived_at, now):
            return False
        event_end = window.starts_at + window.length
        wall_end = window.arrived_at + window.length
        if now >= wall_end or self.watermark(partition, now) >= event_end:
            return True
        self._by_wall.put(partition, key, wall_end)
        self._by_event.put(partition, key, event_end)
        return False

    def ring(self, now: int) -> Iterator[tuple[int, str]]:
        """Take (partition, key) of everything to look at."""
        for partition in self._by_wall.partitions():
            for key in self._by_wall.ring(partition, now):
                yield partition, key
        for partition in self._by_event.partitions():
            for key in self._by_event.ring(partition, self.watermark(partition, now)):
                yield partition, key

    def drop(self, partition: int) -> None:
        """Forget a partition."""
        self._by_event.drop(partition)
        self._by_wall.drop(partition)
