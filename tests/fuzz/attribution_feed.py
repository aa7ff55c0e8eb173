"""Behavior payloads and creatives -> the attribution stage, and its changelog."""

import random
from collections import Counter
from dataclasses import replace

from schemas.lock import LockedIds
from schemas.records import Behavior, Creative
from streams.columns.decoder import Decoder
from streams.columns.payload import Payload
from streams.engine.stage import Incoming, StateRow
from streams.settings import AttributionSettings
from streams.stages.attribution.stage import FOLDED, Attribution
from tests.fuzz.sections import Sections
from tests.streams.creative_records import a_creative
from tests.streams.hostile_records import NOW, behavior, mutated

_WINDOWS = AttributionSettings(click_window_s=10, correction_window_s=100)
_NAMES = tuple(f"i{number}" for number in range(40))


class AttributionFeed:
    """Feeds attribution's kernel."""

    def __init__(self, rng: random.Random, counts: Counter[str]) -> None:
        self._rng, self._counts = rng, counts
        self._ids = LockedIds()
        self._decoder = Decoder(Behavior, self._ids, FOLDED, "user_id")
        self._behaviors = Sections(Behavior, _recent, rng, n_spoilt=20)
        self._creative = a_creative()
        self._stage = Attribution(_WINDOWS, self._ids)
        self._now = NOW
        self._offset = 0

    def round(self) -> None:
        """Take one payload through the join, spoilt in many ways."""
        if self._rng.random() < 0.2:
            self._stage = Attribution(_WINDOWS, self._ids)
        for content, n in self._behaviors:
            self._fold(content, n)

    def _fold(self, content: memoryview, n: int) -> None:
        payload = Payload(content, n, self._offset, self._now)
        columns = self._decoder.decode([payload], 0, self._now)
        self._offset += n
        self._counts["inputs"] += len(columns) + len(columns.odd)
        partition = self._rng.randrange(2)
        out = self._stage.fold(Behavior, partition, columns, self._now)
        self._counts["feedback"] += sum(map(len, out))
        match self._rng.randrange(12):
            case 0:
                self._learn(partition)
            case 1:
                self._now += self._rng.choice([1, 9_000, 60_000])
                self._counts["feedback"] += sum(map(len, self._stage.tick(self._now)))
            case 2:
                self._write()

    def _learn(self, partition: int) -> None:
        name = self._rng.choice(["c", "cc", "ccc"])
        known = replace(self._creative, creative_id=name, created_at=self._now)
        value = None if self._rng.random() < 0.3 else known
        incoming = Incoming(Creative, "u|feed-card", value, partition, self._offset)
        out = self._stage.step([incoming], self._now)
        self._counts["feedback"] += sum(map(len, out))

    def _write(self) -> None:
        """Bring the changelog back into other stages: as it is, and spoilt."""
        rows = self._stage.take_dirty()
        self._counts["written"] += len(rows)
        self._bring_back(rows)
        for row in rows:
            spoilt = StateRow(
                row.partition, row.key, row.value and self._odd(row.value)
            )
            try:
                self._bring_back([spoilt])
            except (ValueError, KeyError, TypeError, OverflowError):
                self._counts["changelogs refused"] += 1

    def _bring_back(self, rows: list[StateRow]) -> None:
        other = Attribution(_WINDOWS, self._ids)
        other.restore(rows)
        other.tick(self._now + 200_000)
        other.take_dirty()

    def _odd(self, content: bytes) -> bytes:
        """Return a changelog value with something wrong behind its head."""
        return content[:17] + mutated(self._rng, content[17:] or b"\0")


def _recent(rng: random.Random, *, odd: float = 0.1) -> Behavior:
    """Return an event of the last minutes; its ids meet those of others."""
    one = behavior(rng, odd=odd)
    if rng.random() < odd:
        return one
    return replace(
        one,
        occurred_at=NOW - rng.randrange(300_000),
        impression_id=rng.choice(_NAMES),
        creative_id=rng.choice([None, "c", "cc", "ccc", "fallback-1"]),
    )
