"""ads.preference.v1, ads.feedback.v1, explicit requests -> ads.creative-request.v1.

A person needs a new creative when there is none yet (`new_user`), when their
preferences have moved (`preference_shift`), when they keep not clicking (`fatigue`) and
when the creative's life is over while they are active (`expiry`). An explicit request
is answered by the creatives stage; here it tells which placements a person uses.

Fatigue is counted twice: impressions of any kind since the newest request, which
preferences tell at once, and impressions of one style within a day, whichever creatives
had it, which feedback tells when their click windows close. Requests name the styles
that a person is tired of.

Conditions are looked at again after the cooldown, and not queued: a need that has
passed by then is not asked for. Written are the rows whose loss would change a
decision; a latest vector that decided nothing comes back with the next preference
record.

With a compiler the sources come as columns. Most preferences change nothing but what
is known of a person, and the kernel keeps that; the rest is looked at here, one person
at a time. Without one, every record comes by `step`.
"""

from collections.abc import Iterable, Mapping, Sequence

import structlog

from schemas.records import CreativeRequest, Feedback, Preference, Record
from schemas.vocabulary import deployed
from streams.columns.changelog import sized, varint
from streams.columns.columns import Columns
from streams.columns.compiled import built
from streams.columns.payload import Payload
from streams.engine.stage import Incoming, Outgoing, Section, StateRow, rows_of
from streams.kafka.wire import Wire
from streams.settings import RequestsSettings, Settings
from streams.stages.requests import STAGE
from streams.stages.requests.asking import Asking, Learning, People
from streams.stages.requests.person import ENOUGH_WEIGHT, NeedRules
from streams.stages.requests.reading import (
    ASKED,
    FOLLOWED,
    SEEN,
    erased_in,
    explicit_requests,
    seen_in,
    seen_of,
    taste_of,
)
from streams.stages.requests.reference import PeopleByName
from streams.stages.requests.table import PeopleTable

__all__ = ["ENOUGH_WEIGHT", "Requests"]

LOG = structlog.get_logger(__name__)

KERNEL = built("streams.stages.requests.kernel")

COLUMNS: Mapping[type[Record], tuple[str, ...]] = {
    Preference: FOLLOWED,
    CreativeRequest: ASKED,
    Feedback: SEEN,
}

FIRST_PLACEMENT = next(
    (one for one in deployed().placements if one == "feed-card"),
    next(iter(deployed().placements)),
)
"""`feed-card`, or the first one of a vocabulary without it."""

MAX_SECTION_BYTES = 800_000
"""A record batch stays below Kafka's default limit of 1 MB."""


class Requests:
    """Asks for creatives (a `Stage`).

    Args:
        settings: thresholds, cooldown and deadline.
        expiry_s: a creative's life, seconds.
        first_placements: where a person is shown something until it is known better;
            none: `FIRST_PLACEMENT`.
        active_s: a person counts as active this long after their last event.
        forget_s: a person without an event for this long is forgotten.
        frame: zero byte and schema id of CreativeRequest; requests then leave encoded.
        use_compiled: False takes the reference though the kernel is there.
    """

    name = STAGE.name
    sources = STAGE.sources

    def __init__(
        self,
        settings: RequestsSettings,
        *,
        expiry_s: float = 3_600.0,
        first_placements: Sequence[str] = (),
        active_s: float = 3_600.0,
        forget_s: float = 7 * 86_400.0,
        frame: bytes | None = None,
        use_compiled: bool = True,
    ) -> None:
        self.use_compiled = use_compiled and KERNEL is not None
        n_placements = len(deployed().placements)
        if use_compiled and KERNEL and n_placements > KERNEL.MOST_PLACES:
            self.use_compiled = False
            LOG.warning(
                "the reference in Python instead of the compiled kernel, which keeps "
                "fewer placements than the vocabulary has",
                stage=STAGE.name,
                placements=n_placements,
                most=KERNEL.MOST_PLACES,
            )
        self.columnar = COLUMNS if self.use_compiled else {}
        self._rules = NeedRules(
            shift=settings.shift,
            fatigue_impressions=settings.fatigue_impressions,
            cooldown_ms=int(settings.cooldown_s * 1000),
            expiry_ms=int(expiry_s * 1000),
            active_ms=int(active_s * 1000),
            forget_ms=int(forget_s * 1000),
        )
        deadline_ms = int(settings.deadline_s * 1000)
        asking = Asking(
            self._rules,
            tuple(first_placements) or (FIRST_PLACEMENT,),
            deadline_ms,
            frame,
        )
        self._learning = Learning(self._rules, asking)
        self._n_categories = len(deployed().categories)
        self._tables: dict[int, People] = {}
        self._erased: set[tuple[int, int]] = set()
        """(partition, offset) of tombstones that `fold` has obeyed."""

    # -- records --------------------------------------------------------------------

    def fold(
        self,
        source: type[Record],
        partition: int,
        columns: Columns,
        now: int,
    ) -> list[Outgoing]:
        """Fold columns in; of Preference also the tombstones, where they lie."""
        table = self._table(partition)
        if not isinstance(table, PeopleTable):
            raise TypeError("the reference takes no columns")
        table.end_restore(now)
        if source is CreativeRequest:
            for request in explicit_requests(columns, now):
                self._learning.note(table, request, now)
            return []
        outgoing: list[Outgoing] = []
        if source is Feedback:
            for seen in seen_in(columns):
                outgoing += self._learning.see(table, seen, now)
            return outgoing
        start = 0
        for offset, user_id in erased_in(columns):
            stop = int(columns.offsets.searchsorted(offset))
            outgoing += self._follow_all(table, columns, slice(start, stop), now)
            outgoing += self._learning.erase(table, user_id)
            self._erased.add((partition, offset))
            start = stop
        rows = slice(start, len(columns))
        return outgoing + self._follow_all(table, columns, rows, now)

    def step(self, incoming: Sequence[Incoming], now: int) -> list[Outgoing]:
        """Learn what changed; ask where it makes a new creative necessary."""
        outgoing: list[Outgoing] = []
        for record in incoming:
            table = self._table(record.partition)
            table.end_restore(now)
            match record.value:
                case Preference():
                    taste = taste_of(record.value, self._n_categories)
                    outgoing += self._learning.follow(table, taste, now)
                case CreativeRequest(reason="explicit"):
                    self._learning.note(table, record.value, now)
                case Feedback() if seen := seen_of(record.value):
                    outgoing += self._learning.see(table, seen, now)
                case None if (record.partition, record.offset) in self._erased:
                    self._erased.discard((record.partition, record.offset))
                case None if record.record is Preference:
                    outgoing += self._learning.erase(table, record.key)
        return outgoing

    def tick(self, now: int) -> list[Outgoing]:
        """Ask for what a cooldown held back and for what expired; forget the idle."""
        outgoing: list[Outgoing] = []
        for table in self._tables.values():
            table.end_restore(now)
            for user_id in table.due(now):
                outgoing += self._learning.look(table, user_id, now)
        return outgoing

    def recall(self, source: type[Record], partition: int, columns: Columns) -> None:
        """See records again that the restored state includes: they are not needed."""

    def n_recalled(self, source: type[Record]) -> int:  # noqa: ARG002 - the protocol's
        """Return 0: ids of requests tell duplicates."""
        return 0

    # -- state ----------------------------------------------------------------------

    def take_sections(self) -> list[Section]:
        """Return the changed people, ready to be sealed."""
        return [
            Section(partition, records, n)
            for partition, table in self._tables.items()
            for records, n in table.take_sections(MAX_SECTION_BYTES)
        ]

    def take_dirty(self) -> list[StateRow]:
        """Return what `take_sections` does, row by row."""
        return rows_of(self.take_sections())

    def restore_payloads(
        self, partition: int, payloads: Sequence[Payload], from_offset: int
    ) -> None:
        """Take people back from changelog batches."""
        table = self._table(partition)
        for payload in payloads:
            table.restore(payload, from_offset)

    def restore(self, rows: Iterable[StateRow]) -> None:
        """Take people back from single rows."""
        for row in rows:
            body = varint(-1) if row.value is None else sized(row.value)
            record = sized(b"\0\0\0" + sized(row.key.encode()) + body + b"\0")
            self.restore_payloads(row.partition, [Payload(record, 1, 0, 0)], 0)

    def restored(self, partition: int, positions: Mapping[type[Record], int]) -> None:
        """End a restore; the next tick looks at each person once."""

    def drop(self, partition: int) -> None:
        """Forget the people of a partition."""
        self._tables.pop(partition, None)

    def __len__(self) -> int:
        """Return the number of people remembered."""
        return sum(map(len, self._tables.values()))

    @property
    def n_unfit(self) -> int:
        """Records whose weights are not finite, or of another vocabulary."""
        return sum(table.n_unfit for table in self._tables.values())

    def _table(self, partition: int) -> People:
        table = self._tables.get(partition)
        if table is None:
            table = (
                PeopleTable(KERNEL, self._rules, self._n_categories)
                if self.use_compiled and KERNEL
                else PeopleByName(self._rules, self._n_categories)
            )
            self._tables[partition] = table
        return table

    def _follow_all(
        self, table: PeopleTable, columns: Columns, rows: slice, now: int
    ) -> list[Outgoing]:
        outgoing: list[Outgoing] = []
        if rows.start < rows.stop:
            for taste in table.follow(columns, rows, now):
                outgoing += self._learning.follow(table, taste, now)
        return outgoing


def build(settings: Settings, wire: Wire) -> Requests:
    """Return the stage that asks for creatives."""
    return Requests(
        settings.requests,
        expiry_s=settings.creatives.expiry_s,
        frame=wire.codec(CreativeRequest).frame,
    )
