"""Outcomes of impressions -> whether the click rate has changed.

The detector is ADWIN (adwin.py). It is fed in the order of the impressions: a click is
known at once and a none only after its window, so that in order of arrival the first
minutes would be all clicks, and the next ones look like a drift.
"""

import zlib
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from typing import Any

from streams.stages.retraining.adwin import Adwin

MAX_RECENT = 10_000
"""Rewards kept to start again from after a restart."""

MAX_HELD = 1_000
"""Reactions that wait for their cohort; with more, only a sample is watched."""


class RewardDrift:
    """Finds changes of the click rate.

    Args:
        delta: ADWIN's confidence parameter; smaller finds later and errs less.
    """

    def __init__(self, delta: float) -> None:
        self.found = False
        """True once a change was found; whoever acts on it resets it."""
        self._delta = delta
        self._adwin = Adwin(delta)
        self._recent: deque[int] = deque(maxlen=MAX_RECENT)
        self._held: list[tuple[int, int, int]] = []
        """(shown at, hash, success) of reactions whose window is still open."""
        self._halvings = 0
        """One impression in 2**halvings is watched."""

    def add(self, impression_id: str, shown_at: int, reward: float) -> None:
        """Take the outcome of an impression; 0 is a none, whose window is over."""
        number = zlib.crc32(impression_id.encode())
        if self._is_left_out(number):
            return
        if reward:
            heappush(self._held, (shown_at, number, int(reward > 0)))
            self._thin_out()
            return
        while self._held and self._held[0][0] <= shown_at:
            self._update(heappop(self._held)[2])
        self._update(0)

    def to_row(self) -> list[Any]:
        """Return what `from_row` needs, fit for JSON."""
        recent = b64encode(zlib.compress(bytes(self._recent))).decode()
        return [self.found, self._halvings, self._held, recent]

    def from_row(self, row: Sequence[Any]) -> None:
        """Go on from a row; ADWIN sees the recent rewards again."""
        found, self._halvings, held, recent = row
        self._adwin = Adwin(self._delta)
        self._held = [(at, number, success) for at, number, success in held]
        heapify(self._held)
        self._recent.clear()
        for success in zlib.decompress(b64decode(recent)):
            self._update(success)
        self.found = found

    def _update(self, success: int) -> None:
        self._recent.append(success)
        if self._adwin.update(success):
            self.found = True
            while len(self._recent) > self._adwin.width:
                self._recent.popleft()
            self._adwin = Adwin(self._delta)

    def _thin_out(self) -> None:
        while len(self._held) > MAX_HELD:
            self._halvings += 1
            self._held = [one for one in self._held if not self._is_left_out(one[1])]
            heapify(self._held)

    def _is_left_out(self, number: int) -> bool:
        return number % (1 << self._halvings) != 0
