"""ads.behavior.v1, ads.creative.v1 -> ads.feedback.v1: the impression-click join.

An impression opens two windows in event time. A reaction within the click window
decides at once; without one the impression becomes a `none` when the window closes; a
reaction until the end of the correction window still corrects. Reactions may come
before their impression and wait for it.

Feedback has revision 0 when no reaction is known, and one more for each fact that has
come since. That makes the highest revision of an impression a function of the set of
its events: a crash between two checkpoints, after which windows close at other
moments, cannot leave a wrong record on top. The stated lateness: nothing is dropped
before event time has passed the correction window plus one click window.
"""

from collections.abc import Iterable, Iterator, Sequence

from schemas.records import Behavior, Creative, Feedback, Record
from streams.core.attribution.click_cap import ClickCap
from streams.core.attribution.outcome import FALLBACK, Judgement, feedback_of, judge
from streams.core.attribution.state import (
    ClickHour,
    Join,
    KnownCreative,
    Reaction,
    Shown,
    known_of,
    reaction_of,
    shown_of,
)
from streams.core.attribution.tables import AttributionTables
from streams.core.stage import Incoming, Outgoing, StateRow
from streams.settings import AttributionSettings

MAX_REACTIONS = 64
"""More reactions to one impression are one machine repeating itself: duplicates."""

_NOBODY = "\x1f"
"""Before the event id of a reaction to no impression; admitted ids cannot hold it."""


class Attribution:
    """Joins impressions with what people did about them (a `Stage`)."""

    name = "attribution"
    sources: tuple[type[Record], ...] = (Behavior, Creative)

    def __init__(self, settings: AttributionSettings) -> None:
        self.joined = 0
        """Clicks joined with their impression, within the correction window."""
        self.late = 0
        """Clicks that came after the correction window: counted, not learnt from."""
        self.orphan = 0
        """Clicks whose impression never came, or has been forgotten."""
        self.duplicates = 0
        """Events that had been seen."""
        self._click_ms = int(settings.click_window_s * 1000)
        self._correction_ms = int(settings.correction_window_s * 1000)
        self._tables = AttributionTables(self._click_ms, self._correction_ms)
        self._cap = ClickCap(self._tables)

    def step(self, incoming: Sequence[Incoming], now: int) -> list[Outgoing]:
        """Fold events in; return what they decide."""
        out: list[Outgoing] = []
        for record in incoming:
            match record.value:
                case Behavior():
                    out += self._fold(record.partition, record.value, now)
                case Creative():
                    out += self._learn(record.partition, record.key, record.value, now)
                case None if record.record is Creative:
                    self._tables.withdraw(record.partition, record.key)
        return out + self.tick(now)

    def tick(self, now: int) -> list[Outgoing]:
        """Close the windows that are over."""
        out: list[Outgoing] = []
        for partition, key, join in self._tables.ring(now):
            if not join.sent:
                out += self._decide(partition, key, join, now)
            if self._tables.end_join(partition, key, join, now) and join.shown is None:
                self.orphan += _waiting_clicks(key, join)
        return out

    def take_dirty(self) -> list[StateRow]:
        """Return the changed rows."""
        return self._tables.take_dirty()

    def restore(self, rows: Iterable[StateRow]) -> None:
        """Take rows back."""
        self._tables.restore(rows)

    def drop(self, partition: int) -> None:
        """Forget a partition."""
        self._tables.drop(partition)

    @property
    def held(self) -> int:
        """Clicks that wait for their impression."""
        return sum(
            _waiting_clicks(key, join)
            for _, key, join in self._tables.joins.items()
            if join.shown is None
        )

    def __len__(self) -> int:
        """Return the number of impressions remembered."""
        return len(self._tables.joins)

    # -- events ---------------------------------------------------------------------

    def _fold(self, partition: int, event: Behavior, now: int) -> Iterator[Outgoing]:
        self._tables.windows.see(partition, event.occurred_at)
        if event.kind == "impression":
            yield from self._fold_impression(partition, event, now)
        elif event.kind in {"click", "conversion", "dismiss"}:
            yield from self._fold_reaction(partition, event, now)

    def _fold_impression(
        self, partition: int, event: Behavior, now: int
    ) -> Iterator[Outgoing]:
        key = event.impression_id or event.event_id
        join = self._tables.joins.get(partition, key) or Join(arrived_at=now)
        if join.shown is not None:
            self.duplicates += 1
            return
        join.arrived_at, join.shown = now, shown_of(event)
        self._tables.joins.put(partition, key, join)
        self._tables.watch_join(partition, key, join)
        for reaction in join.reactions.values():
            yield from self._count(partition, key, join.shown, reaction, now)
        yield from self._decide(partition, key, join, now)

    def _fold_reaction(
        self, partition: int, event: Behavior, now: int
    ) -> Iterator[Outgoing]:
        key = event.impression_id or _NOBODY + event.event_id
        join = self._tables.joins.get(partition, key)
        if join is None:
            join = Join(arrived_at=now)
            self._tables.watch_join(partition, key, join)
        elif event.event_id in join.reactions or len(join.reactions) >= MAX_REACTIONS:
            self.duplicates += 1
            return
        before = None
        if join.shown is not None and join.sent:
            before = self._judged(partition, join.shown, join)
        reaction = reaction_of(event)
        join.reactions[event.event_id] = reaction
        self._tables.joins.put(partition, key, join)
        if join.shown is not None:
            yield from self._count(partition, key, join.shown, reaction, now)
            yield from self._decide(partition, key, join, now, before)
        elif event.impression_id is None and event.kind == "click":
            self.orphan += 1

    def _count(
        self, partition: int, key: str, shown: Shown, reaction: Reaction, now: int
    ) -> Iterator[Outgoing]:
        """Count a click that met its impression; correct the hour it overfills."""
        if reaction.kind != "click":
            return
        if not self._counts(shown, reaction):
            self.late += 1
            return
        self.joined += 1
        hour = self._cap.add(partition, shown.user_id, reaction.at, key, now)
        if hour is not None:
            yield from self._overfill(partition, hour, key, now)

    def _overfill(
        self, partition: int, hour: ClickHour, newest: str, now: int
    ) -> Iterator[Outgoing]:
        """Correct the hour's other impressions; the caller decides about the newest."""
        sent = []
        for key in hour.impressions:
            join = self._tables.joins.get(partition, key)
            if key != newest and join is not None and join.shown and join.sent:
                sent.append((key, join, self._judged(partition, join.shown, join)))
        hour.over, hour.impressions = True, []
        for key, join, before in sent:
            yield from self._decide(partition, key, join, now, before)

    def _learn(
        self, partition: int, slot: str, creative: Creative, now: int
    ) -> Iterator[Outgoing]:
        if self._tables.creatives.get(partition, creative.creative_id) is not None:
            return
        known = known_of(creative, slot, now)
        self._tables.creatives.put(partition, creative.creative_id, known)
        self._tables.watch_creative(partition, creative.creative_id, known)
        for key in self._tables.impressions_of(partition, creative.creative_id):
            join = self._tables.joins.get(partition, key)
            if join is not None and not join.sent:
                yield from self._decide(partition, key, join, now)

    # -- decisions ------------------------------------------------------------------

    def _decide(
        self,
        partition: int,
        key: str,
        join: Join,
        now: int,
        before: Judgement | None = None,
    ) -> Iterator[Outgoing]:
        """Send feedback when it is due; once it was sent, only what changes it."""
        shown = join.shown
        if shown is None:
            return
        judgement = self._judged(partition, shown, join)
        if join.sent:
            if judgement == before:
                return
        elif not self._is_due(partition, shown, join, judgement, now):
            return
        creative = None if join.organic else self._creative(partition, shown)
        if not join.sent:
            join.sent, join.organic = True, creative is None
            self._tables.joins.put(partition, key, join)
        feedback = feedback_of(key, shown, judgement, creative)
        yield Outgoing(Feedback, feedback.user_id, feedback)

    def _is_due(
        self,
        partition: int,
        shown: Shown,
        join: Join,
        judgement: Judgement,
        now: int,
    ) -> bool:
        windows = self._tables.windows
        if windows.is_settled(join.arrived_at, now):
            return True
        if self._waits_for_creative(partition, shown):
            return False
        closes_at = shown.at + self._click_ms
        is_closed = windows.watermark(partition, now) >= closes_at
        return is_closed or judgement.outcome != "none"

    def _judged(self, partition: int, shown: Shown, join: Join) -> Judgement:
        facts = [one for one in join.reactions.values() if self._counts(shown, one)]
        return judge(
            shown,
            facts,
            window_ms=self._click_ms,
            over_cap=self._cap.is_over(partition, shown.user_id, facts),
        )

    def _counts(self, shown: Shown, reaction: Reaction) -> bool:
        return abs(reaction.at - shown.at) <= self._correction_ms

    def _waits_for_creative(self, partition: int, shown: Shown) -> bool:
        creative_id = shown.creative_id
        if creative_id is None or creative_id.startswith(FALLBACK):
            return False
        return self._creative(partition, shown) is None

    def _creative(self, partition: int, shown: Shown) -> KnownCreative | None:
        if shown.creative_id is None:
            return None
        return self._tables.creatives.get(partition, shown.creative_id)


def _waiting_clicks(key: str, join: Join) -> int:
    """Return the clicks that no count has taken yet."""
    if key.startswith(_NOBODY):
        return 0
    return sum(reaction.kind == "click" for reaction in join.reactions.values())
