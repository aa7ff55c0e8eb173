"""One partition's impressions and reactions -> decisions.

An impression that nobody reacted to is dealt with by its table; what is here is about
impressions with reactions, whichever came first, and whether a person's clicks still
are a person's. That cap is a function of the set of clicks: once an hour of event time
holds too many, all of them stop teaching, those before the cap too.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from schemas.records import Behavior
from streams.stages.attribution.outcome import Judgement, judge
from streams.stages.attribution.state import (
    REACTIONS,
    ClickHour,
    Reaction,
    Reactions,
    Shown,
)
from streams.stages.attribution.tables import AttributionTables, hour_key
from streams.stages.attribution.traffic import is_robot

MAX_CLICKS_PER_HOUR = 30
"""At 1 to 3 clicks in 100 impressions, 30 clicks are over 1,000 ads in an hour: no
person looks at one every 3.6 seconds."""

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
        self._counts = counts

    def take(self, event: Behavior) -> None:
        """Take one event in."""
        self.impressions.see(event.occurred_at)
        if event.kind == "impression":
            is_new = self.impressions.show(event, self.now, self)
            self._counts.duplicates += not is_new
        elif event.kind in REACTIONS:
            robot = is_robot(event.user_agent)
            reaction = Reaction(event.kind, event.occurred_at, event.value, robot)
            self.on_reaction(event.impression_id, event.event_id, reaction)

    # -- what happens to an impression with reactions -------------------------------

    def on_reaction(
        self, impression_id: str | None, event_id: str, reaction: Reaction
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
        shown = self.impressions.find(key)
        before = self._judged(shown, reactions) if shown and shown.sent else None
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
        shown, reactions = self._joined(key)
        if shown is None or reactions is None:
            return
        for reaction in reactions.by_event.values():
            self._count(key, shown, reaction)
        self._decide(key, shown, reactions)

    def on_due(self, key: str) -> None:
        """Decide on an impression, if it is due."""
        shown, reactions = self._joined(key)
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
        hour = self._add_click(shown.user_id, reaction.at, key)
        if hour is not None:
            self._overfill(hour, key)

    def _overfill(self, hour: ClickHour, newest: str) -> None:
        """Correct the hour's other impressions; the caller decides about the newest."""
        sent = []
        for key in hour.impressions:
            shown, reactions = self._joined(key)
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
        if self.now >= shown.arrived_at + max(1, self._windows.click):
            return True  # it has settled
        watermark = min(self.impressions.newest, self.now)
        return not shown.waits and watermark >= shown.at + self._windows.click

    def _judged(self, shown: Shown, reactions: Reactions) -> Judgement:
        facts = [
            one for one in reactions.by_event.values() if self._is_near(shown, one)
        ]
        is_over = self._is_over_cap(shown.user_id, facts)
        return judge(shown, facts, window_ms=self._windows.click, over_cap=is_over)

    def _is_near(self, shown: Shown, reaction: Reaction) -> bool:
        return abs(reaction.at - shown.at) <= self._windows.correction

    def _joined(self, key: str) -> tuple[Shown | None, Reactions | None]:
        reactions = self._tables.reactions.get(self._partition, key)
        return self.impressions.find(key), reactions

    # -- the click cap --------------------------------------------------------------

    def _add_click(self, user_id: str, clicked_at: int, key: str) -> ClickHour | None:
        """Count a click; return the hour when this click is one too many for it."""
        name = hour_key(user_id, clicked_at)
        hour = self._tables.hours.get(self._partition, name)
        if hour is None:
            hour = ClickHour(arrived_at=self.now)
            self._tables.watch_hour(self._partition, name, hour)
        if hour.over:
            return None
        hour.n_clicks += 1
        if key not in hour.impressions:
            hour.impressions.append(key)
        self._tables.hours.put(self._partition, name, hour)
        return hour if hour.n_clicks > MAX_CLICKS_PER_HOUR else None

    def _is_over_cap(self, user_id: str, reactions: Collection[Reaction]) -> bool:
        """Return whether one of the clicks lies in an hour with too many."""
        names = (hour_key(user_id, one.at) for one in reactions if one.kind == "click")
        hours = (self._tables.hours.get(self._partition, name) for name in names)
        return any(hour is not None and hour.over for hour in hours)


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
