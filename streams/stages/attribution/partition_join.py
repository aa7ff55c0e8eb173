"""One partition's impressions and reactions -> decisions.

An impression that nobody reacted to is dealt with by its table; what is here is about
impressions with reactions, whichever came first.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from streams.stages.attribution.click_cap import ClickCap
from streams.stages.attribution.outcome import Judgement, judge
from streams.stages.attribution.state import (
    KINDS,
    ClickHour,
    Reaction,
    Reactions,
    Shown,
)
from streams.stages.attribution.tables import AttributionTables

MAX_REACTIONS = 64
"""More reactions to one impression are one machine repeating itself: duplicates."""

_NOBODY = "\x1f"
"""Before the event id of a reaction to no impression; admitted ids cannot hold it."""


@dataclass(slots=True)
class Counts:
    """What came of the clicks, and of repeated events."""

    joined: int = 0
    """Clicks joined with their impression, within the correction window."""
    late: int = 0
    """Clicks that came after the correction window: counted, not learnt from."""
    orphan: int = 0
    """Clicks whose impression never came, or has been forgotten."""
    duplicates: int = 0
    """Events that had been seen."""


@dataclass(frozen=True, slots=True)
class JoinWindows:
    """Lengths in ms, of event time."""

    click: int
    correction: int


class PartitionJoin:
    """Decides about impressions with reactions: the `Listener` of a table.

    Args:
        partition: of the behaviour topic.
        tables: of the stage.
        windows: how long reactions count.
        counts: of the stage.
    """

    def __init__(
        self,
        partition: int,
        tables: AttributionTables,
        windows: JoinWindows,
        counts: Counts,
    ) -> None:
        self.now = 0
        """Wall clock of the batch, or of the tick, that is being worked on."""
        self.impressions = tables.impressions(partition)
        self._partition = partition
        self._tables = tables
        self._windows = windows
        self._cap = ClickCap(tables)
        self._counts = counts

    # -- what happens to an impression with reactions -------------------------------

    def on_reaction(
        self,
        impression_id: str | None,
        event_id: str,
        kind: int,
        at: int,
        value: float | None,
        robot: bool,  # noqa: FBT001 - called from C, by position
    ) -> None:
        """Take a reaction in."""
        key = impression_id or _NOBODY + event_id
        reactions = self._tables.reactions.get(self._partition, key)
        if reactions is None:
            reactions = Reactions(arrived_at=self.now)
            self.impressions.react(key)
        elif event_id in reactions.by_event or len(reactions.by_event) >= MAX_REACTIONS:
            self._counts.duplicates += 1
            return
        shown = self._find(key)
        before = self._judged(shown, reactions) if shown and shown.sent else None
        reaction = Reaction(KINDS[kind], at, value, robot)
        reactions.by_event[event_id] = reaction
        self._tables.reactions.put(self._partition, key, reactions)
        if shown is not None:
            self._count(key, shown, reaction)
            self._decide(key, shown, reactions, before)
            return
        self._tables.watch_reactions(self._partition, key, reactions)
        if impression_id is None and reaction.kind == "click":
            self._counts.orphan += 1

    def on_shown(self, key: str) -> None:
        """Join the reactions that came before their impression."""
        shown, reactions = self._find(key), self._reactions(key)
        if shown is None or reactions is None:
            return
        for reaction in reactions.by_event.values():
            self._count(key, shown, reaction)
        self._decide(key, shown, reactions)

    def on_due(self, key: str) -> None:
        """Decide on an impression, if it is due."""
        shown, reactions = self._find(key), self._reactions(key)
        if shown is not None and reactions is not None:
            self._decide(key, shown, reactions)

    def on_end(self, key: str) -> None:
        """Forget the reactions to an impression."""
        self._tables.end_reactions(self._partition, key)

    # -- decisions ------------------------------------------------------------------

    def _count(self, key: str, shown: Shown, reaction: Reaction) -> None:
        """Count a click that met its impression; correct the hour it overfills."""
        if reaction.kind != "click":
            return
        if not self._is_near(shown, reaction):
            self._counts.late += 1
            return
        self._counts.joined += 1
        hour = self._cap.add(self._partition, shown.user_id, reaction.at, key, self.now)
        if hour is not None:
            self._overfill(hour, key)

    def _overfill(self, hour: ClickHour, newest: str) -> None:
        """Correct the hour's other impressions; the caller decides about the newest."""
        sent = []
        for key in hour.impressions:
            shown, reactions = self._find(key), self._reactions(key)
            if key != newest and shown and shown.sent and reactions:
                sent.append((key, shown, reactions, self._judged(shown, reactions)))
        hour.over, hour.impressions = True, []
        for key, shown, reactions, before in sent:
            self._decide(key, shown, reactions, before)

    def _decide(
        self,
        key: str,
        shown: Shown,
        reactions: Reactions,
        before: Judgement | None = None,
    ) -> None:
        """Send feedback when it is due; once it was sent, only what changes it."""
        judgement = self._judged(shown, reactions)
        if shown.sent:
            if judgement == before:
                return
        elif not self._is_due(shown, judgement):
            return
        self.impressions.send(key, judgement)

    def _is_due(self, shown: Shown, judgement: Judgement) -> bool:
        if judgement.outcome != "none" and not shown.waits:
            return True
        windows = self._tables.windows
        if windows.is_settled(shown.arrived_at, self.now):
            return True
        closes_at = shown.at + self._windows.click
        watermark = windows.watermark(self._partition, self.now)
        return not shown.waits and watermark >= closes_at

    def _judged(self, shown: Shown, reactions: Reactions) -> Judgement:
        facts = [
            one for one in reactions.by_event.values() if self._is_near(shown, one)
        ]
        is_over = bool(facts) and self._cap.is_over(
            self._partition, shown.user_id, facts
        )
        return judge(shown, facts, window_ms=self._windows.click, over_cap=is_over)

    def _is_near(self, shown: Shown, reaction: Reaction) -> bool:
        return abs(reaction.at - shown.at) <= self._windows.correction

    def _find(self, key: str) -> Shown | None:
        found = self.impressions.find(key)
        return None if found is None else Shown(*found)

    def _reactions(self, key: str) -> Reactions | None:
        return self._tables.reactions.get(self._partition, key)


def waiting_clicks(key: str, reactions: Reactions) -> int:
    """Return the clicks, of reactions without impression, that no count has taken."""
    if key.startswith(_NOBODY):
        return 0
    return sum(one.kind == "click" for one in reactions.by_event.values())


def unjoined(tables: AttributionTables) -> Iterator[tuple[str, Reactions]]:
    """Yield the reactions that wait for their impression."""
    for partition, key, reactions in tables.reactions.items():
        if tables.impressions(partition).find(key) is None:
            yield key, reactions
