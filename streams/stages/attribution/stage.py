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

Ordinary events come as columns (`fold`), what is odd about the others record by record
(`step`); both mean the same.
"""

from collections.abc import Iterable, Mapping, Sequence

from schemas.avro import SchemaIds
from schemas.lock import LockedIds
from schemas.records import Behavior, Creative, Feedback, Record
from streams.columns.columns import Columns
from streams.columns.encoded import Encoded
from streams.engine.stage import Incoming, StateRow
from streams.kafka.wire import Wire
from streams.settings import AttributionSettings, Settings
from streams.stages.attribution import STAGE, compiled
from streams.stages.attribution.impressions import Impressions
from streams.stages.attribution.partition_join import (
    MAX_REACTIONS,
    Counts,
    JoinWindows,
    PartitionJoin,
    unjoined,
    waiting_clicks,
)
from streams.stages.attribution.state import KINDS, REACTIONS, SURFACES, known_of
from streams.stages.attribution.tables import AttributionTables
from streams.stages.attribution.traffic import is_robot

__all__ = ["MAX_REACTIONS", "Attribution"]


class Attribution:
    """Joins impressions with what people did about them (a `Stage`).

    Args:
        settings: the windows.
        ids: where the id of Feedback's schema comes from; schemas.lock by default.
        use_compiled: False takes the Python path though the compiled one is there.
    """

    name = STAGE.name
    sources = STAGE.sources
    columnar: Mapping[type[Record], tuple[str, ...]] = {
        Behavior: (
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
    }

    def __init__(
        self,
        settings: AttributionSettings,
        ids: SchemaIds | None = None,
        *,
        use_compiled: bool = True,
    ) -> None:
        self.counts = Counts()
        self.use_compiled = use_compiled
        self._windows = JoinWindows(
            click=int(settings.click_window_s * 1000),
            correction=int(settings.correction_window_s * 1000),
        )
        self._ids = ids or LockedIds()
        is_compiled = use_compiled and compiled.IMPRESSIONS is not None
        table = compiled.IMPRESSIONS if is_compiled else Impressions
        self._tables = AttributionTables(
            self._windows.click,
            self._windows.correction,
            lambda click_ms, kept_ms: table(click_ms, kept_ms, self._ids),
        )
        self._joins: dict[int, PartitionJoin] = {}

    def step(self, incoming: Sequence[Incoming], now: int) -> list[Encoded]:
        """Fold records in; return what they decide."""
        self._tables.end_restore()
        for record in incoming:
            match record.value:
                case Behavior():
                    self._take(record.partition, record.value, now)
                case Creative():
                    self._learn(record.partition, record.key, record.value, now)
                case None if record.record is Creative:
                    self._tables.withdraw(record.partition, record.key)
        return self._close(now)

    def fold(
        self, source: type[Record], partition: int, columns: Columns, now: int
    ) -> list[Encoded]:
        """Fold a batch of ordinary events in; return what they decide."""
        if source not in self.columnar:
            raise ValueError(f"{source.__name__} does not come as columns")
        self._tables.end_restore()
        join = self._join(partition, now)
        # In two steps: the join counts repeated reactions meanwhile.
        n_repeated = join.impressions.fold(columns, now, join)
        self.counts.duplicates += n_repeated
        out = join.impressions.take_out()
        return [out] if len(out) else []

    def recall(self, source: type[Record], partition: int, columns: Columns) -> None:
        """See events again that the restored state includes: it knows their ids."""

    def n_recalled(self, source: type[Record]) -> int:  # noqa: ARG002 - the protocol's
        """Return 0: duplicates are known by what is remembered of them."""
        return 0

    def tick(self, now: int) -> list[Encoded]:
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

    def _take(self, partition: int, event: Behavior, now: int) -> None:
        join = self._join(partition, now)
        join.impressions.see(event.occurred_at)
        if event.kind == "impression":
            is_new = join.impressions.show(
                event.impression_id or event.event_id,
                event.user_id,
                event.occurred_at,
                event.creative_id,
                event.placement,
                -1 if event.surface is None else SURFACES.index(event.surface),
                event.category,
                event.item,
                is_robot(event.user_agent),
                now,
                join,
            )
            self.counts.duplicates += not is_new
        elif event.kind in REACTIONS:
            join.on_reaction(
                event.impression_id,
                event.event_id,
                KINDS.index(event.kind),
                event.occurred_at,
                event.value,
                is_robot(event.user_agent),
            )

    def _learn(self, partition: int, slot: str, creative: Creative, now: int) -> None:
        creative_id = creative.creative_id
        if self._tables.creatives.get(partition, creative_id) is not None:
            return
        known = known_of(creative, slot, now)
        self._tables.creatives.put(partition, creative_id, known)
        self._tables.watch_creative(partition, creative_id, known)
        join = self._join(partition, now)
        join.impressions.know(creative_id, known, now, join)

    def _close(self, now: int) -> list[Encoded]:
        """Close the windows that are over; return the feedback of each partition."""
        out = []
        for partition in self._tables.partitions():
            join = self._join(partition, now)
            join.impressions.tick(now, join)
            out.append(join.impressions.take_out())
        for _, key, orphans in self._tables.ring(now):
            self.counts.orphan += waiting_clicks(key, orphans)
        return [part for part in out if len(part)]

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
