"""Instant -> the impressions to look at then: a heap, on one clock."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush

from streams.stages.attribution.impression import Impression


@dataclass(slots=True)
class Timers:
    """Calls by one clock. They need no cancelling: who is called checks the instant."""

    calls: list[tuple[int, int, Impression]] = field(default_factory=list)
    _number: int = 0

    def put(self, at: int, impression: Impression) -> None:
        """Call when the clock reads `at` or later."""
        self._number += 1
        heappush(self.calls, (at, self._number, impression))

    def due(self, clock: int) -> Iterator[tuple[int, Impression]]:
        """Take what is due, with the instant that it was put for."""
        while self.calls and self.calls[0][0] <= clock:
            at, _, impression = heappop(self.calls)
            yield at, impression
