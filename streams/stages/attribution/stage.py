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

With a compiler, ordinary events come as columns (`fold`), and the kernel keeps the
impressions; creatives, and events that are no ordinary ones, come by `step`. Without
one, every record does.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from schemas.avro import SchemaIds
from schemas.lock import LockedIds
from schemas.records import Behavior, Creative, Feedback, Record
from streams.columns.columns import Columns
from streams.columns.compiled import built
from streams.engine.stage import Incoming, Output, StateRow
from streams.kafka.wire import Wire
from streams.settings import AttributionSettings, Settings
from streams.stages.attribution import STAGE
from streams.stages.attribution.join import (
    MAX_REACTIONS,
    Counts,
    JoinWindows,
    PartitionJoin,
    unjoined,
    waiting_clicks,
)
from streams.stages.attribution.reference import Impressions
from streams.stages.attribution.state import known_of
from streams.stages.attribution.tables import AttributionTables

__all__ = ["MAX_REACTIONS", "Attribution"]

KERNEL = built("streams.stages.attribution.kernel")

FOLDED = (
    "event_id",
    "user_id",
    "kind",
    "occurred_at",
    "creative_id",
    "impression_id",
    "placement",
    "surface",
    "category",
    "item",
    "value",
    "user_agent",
)
"""The fields of Behavior that the kernel reads."""


class Attribution:
    """Joins impressions with what people did about them (a `Stage`).

    Args:
        settings: the windows.
        ids: where the id of Feedback's schema comes from; schemas.lock by default.
        use_compiled: False takes the reference though the kernel is there.
    """

    name = STAGE.name
    sources = STAGE.sources

    def __init__(
        self,
        settings: AttributionSettings,
        ids: SchemaIds | None = None,
        *,
        use_compiled: bool = True,
    ) -> None:
        self.counts = Counts()
        self.use_compiled = use_compiled and KERNEL is not None
        self.columnar: Mapping[type[Record], tuple[str, ...]] = (
            {Behavior: FOLDED} if self.use_compiled else {}
        )
        self._windows = JoinWindows(
            click=int(settings.click_window_s * 1000),
            correction=int(settings.correction_window_s * 1000),
        )
        self._ids = ids or LockedIds()
        self._tables = AttributionTables(
            self._windows.click, self._windows.correction, self._new_impressions
        )
        self._joins: dict[int, PartitionJoin] = {}

    def step(self, incoming: Sequence[Incoming], now: int) -> list[Output]:
        """Fold records in; return what they decide."""
        self._tables.end_restore()
        for record in incoming:
            match record.value:
                case Behavior():
                    self._join(record.partition, now).take(record.value)
                case Creative():
                    self._learn(record.partition, record.key, record.value, now)
                case None if record.record is Creative:
                    self._tables.withdraw(record.partition, record.key)
        return self._close(now)

    def fold(
        self, source: type[Record], partition: int, columns: Columns, now: int
    ) -> list[Output]:
        """Fold a batch of ordinary events in; return what they decide."""
        if source not in self.columnar:
            raise ValueError(f"{source.__name__} does not come as columns")
        self._tables.end_restore()
        join = self._join(partition, now)
        table: Any = join.impressions  # the kernel's: only that one takes columns
        # In two steps: the join counts repeated reactions meanwhile.
        n_repeated = table.fold(columns, now, join)
        self.counts.duplicates += n_repeated
        return join.impressions.take_out()

    def recall(self, source: type[Record], partition: int, columns: Columns) -> None:
        """See events again that the restored state includes: it knows their ids."""

    def n_recalled(self, source: type[Record]) -> int:  # noqa: ARG002 - the protocol's
        """Return 0: duplicates are known by what is remembered of them."""
        return 0

    def tick(self, now: int) -> list[Output]:
        """Close the windows that are over."""
        self._tables.end_restore()
        return self._close(now)

    def take_dirty(self) -> list[StateRow]:
        """Return the changed rows."""
        self._tables.end_restore()
        return self._tables.take_dirty()

    def restore(self, rows: Iterable[StateRow]) -> None:
        """Take rows back."""
        self._tables.restore(rows)

    def drop(self, partition: int) -> None:
        """Forget a partition."""
        self._tables.drop(partition)
        self._joins.pop(partition, None)

    @property
    def held(self) -> int:
        """Clicks that wait for their impression."""
        return sum(waiting_clicks(key, one) for key, one in unjoined(self._tables))

    def __len__(self) -> int:
        """Return the number of impressions remembered, come or awaited."""
        self._tables.end_restore()
        tables = map(self._tables.impressions, self._tables.partitions())
        return sum(map(len, tables)) + sum(1 for _ in unjoined(self._tables))

    # -- records --------------------------------------------------------------------

    def _learn(self, partition: int, slot: str, creative: Creative, now: int) -> None:
        creative_id, known = creative.creative_id, known_of(creative, slot, now)
        if self._tables.learn(partition, creative_id, known):
            join = self._join(partition, now)
            join.impressions.know(creative_id, known, now, join)

    def _close(self, now: int) -> list[Output]:
        """Close the windows that are over; return the feedback of each partition."""
        out: list[Output] = []
        for partition in self._tables.partitions():
            join = self._join(partition, now)
            join.impressions.tick(now, join)
            out += join.impressions.take_out()
        for key, orphans in self._tables.ring(now):
            self.counts.orphan += waiting_clicks(key, orphans)
        return out

    def _new_impressions(self, click_ms: int, kept_ms: int) -> Impressions:
        if self.use_compiled and KERNEL:
            table: Impressions = KERNEL.Impressions(click_ms, kept_ms, self._ids)
            return table
        return Impressions(click_ms, kept_ms)

    def _join(self, partition: int, now: int) -> PartitionJoin:
        join = self._joins.get(partition)
        if join is None:
            join = PartitionJoin(partition, self._tables, self._windows, self.counts)
            self._joins[partition] = join
        join.now = now
        return join


def build(settings: Settings, wire: Wire) -> Attribution:
    """Return the stage that joins impressions with what came of them."""
    return Attribution(settings.attribution, wire.codec(Feedback).ids)
