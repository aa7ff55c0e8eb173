"""ads.preference.v1, explicit requests -> ads.creative-request.v1.

A person needs a new creative when there is none yet (`new_user`), when their
preferences have moved (`preference_shift`), when they keep not clicking (`fatigue`) and
when the creative's life is over while they are active (`expiry`). An explicit request
is answered by the creatives stage; here it tells which placements a person uses.

Conditions are looked at again after the cooldown, and not queued: a need that has
passed by then is not asked for. Written are the rows whose loss would change a
decision; a latest vector that decided nothing comes back with the next preference
record.

Preferences come as columns. Most change nothing but what is known of a person, and
compiled code keeps that; the rest is looked at here, one person at a time.
"""

from collections.abc import Iterable, Mapping, Sequence

from schemas.records import Creative, CreativeRequest, Preference, Record
from schemas.taxonomy import taxonomy
from streams.core.columnar.changelog import sized, varint
from streams.core.columnar.columns import Columns
from streams.core.columnar.payload import Payload
from streams.core.placements import PLACEMENTS
from streams.core.preference.vector import from_bytes
from streams.core.request.asking import Asking
from streams.core.request.explicit import ASKED, explicit_requests
from streams.core.request.needs import ENOUGH_WEIGHT, NeedRules
from streams.core.request.state import Person, Place
from streams.core.request.table import PeopleTable
from streams.core.request.tastes import FOLLOWED, Taste, erased_in, taste_of
from streams.core.stage import Incoming, Outgoing, Section, StateRow, rows_of
from streams.settings import RequestsSettings

__all__ = ["ENOUGH_WEIGHT", "Requests"]

MAX_SECTION_BYTES = 800_000
"""A record batch stays below Kafka's default limit of 1 MB."""


class Requests:
    """Asks for creatives (a `Stage`).

    Args:
        settings: thresholds, cooldown and deadline.
        expiry_s: a creative's life, seconds.
        first_placements: where a person is shown something until it is known better.
        active_s: a person counts as active this long after their last event.
        forget_s: a person without an event for this long is forgotten.
        frame: zero byte and schema id of CreativeRequest; requests then leave encoded.
        use_compiled: False takes the Python path though the compiled one is there.
    """

    name = "requests"
    sources: tuple[type[Record], ...] = (Preference, CreativeRequest)
    columnar: Mapping[type[Record], tuple[str, ...]] = {
        Preference: FOLLOWED,
        CreativeRequest: ASKED,
    }

    def __init__(
        self,
        settings: RequestsSettings,
        *,
        expiry_s: float = 3_600.0,
        first_placements: Sequence[str] = ("feed-card",),
        active_s: float = 3_600.0,
        forget_s: float = 7 * 86_400.0,
        frame: bytes | None = None,
        use_compiled: bool = True,
    ) -> None:
        self.use_compiled = use_compiled
        self._rules = NeedRules(
            shift=settings.shift,
            fatigue_impressions=settings.fatigue_impressions,
            cooldown_ms=int(settings.cooldown_s * 1000),
            expiry_ms=int(expiry_s * 1000),
            active_ms=int(active_s * 1000),
            forget_ms=int(forget_s * 1000),
        )
        self._asking = Asking(
            self._rules,
            tuple(first_placements),
            int(settings.deadline_s * 1000),
            frame,
        )
        self._n_categories = len(taxonomy())
        self._tables: dict[int, PeopleTable] = {}
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
        table.end_restore(now)
        if source is CreativeRequest:
            for request in explicit_requests(columns, now):
                self._note(table, request, now)
            return []
        outgoing: list[Outgoing] = []
        start = 0
        for offset, user_id in erased_in(columns):
            stop = int(columns.offsets.searchsorted(offset))
            outgoing += self._follow_all(table, columns, slice(start, stop), now)
            outgoing += self._erase(partition, user_id)
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
                    outgoing += self._follow(table, taste, now)
                case CreativeRequest(reason="explicit"):
                    self._note(table, record.value, now)
                case None if (record.partition, record.offset) in self._erased:
                    self._erased.discard((record.partition, record.offset))
                case None:
                    outgoing += self._erase(record.partition, record.key)
        return outgoing

    def tick(self, now: int) -> list[Outgoing]:
        """Ask for what a cooldown held back and for what expired; forget the idle."""
        outgoing: list[Outgoing] = []
        for table in self._tables.values():
            table.end_restore(now)
            for number in table.ring(now):
                outgoing += self._look(table, number, now)
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
        """Records whose weights are not finite, or of another taxonomy."""
        return sum(table.n_unfit for table in self._tables.values())

    def _table(self, partition: int) -> PeopleTable:
        table = self._tables.get(partition)
        if table is None:
            table = PeopleTable(
                self._rules, self._n_categories, use_compiled=self.use_compiled
            )
            self._tables[partition] = table
        return table

    # -- what comes in --------------------------------------------------------------

    def _follow_all(
        self, table: PeopleTable, columns: Columns, rows: slice, now: int
    ) -> list[Outgoing]:
        outgoing: list[Outgoing] = []
        if rows.start < rows.stop:
            for taste in table.follow(columns, rows, now):
                outgoing += self._follow(table, taste, now)
        return outgoing

    def _follow(self, table: PeopleTable, taste: Taste, now: int) -> list[Outgoing]:
        number = table.find(taste.user_id)
        person = table.load(number)
        if not taste.consent:
            if person is not None and person.consent:
                person.consent = False
                person.forget_preferences()
                table.touch(number)
            if person is not None:
                table.store(number, person)
            return []
        if person is None:
            is_recent = self._rules.is_recent(taste.as_of, now)
            if taste.liked < ENOUGH_WEIGHT or not is_recent:
                return []
            person = Person(since=taste.as_of, active_at=taste.as_of)
            number = table.find_or_add(taste.user_id)
        person.consent = True
        person.language = taste.language
        person.vector = taste.vector
        person.has_history = taste.liked >= ENOUGH_WEIGHT
        person.active_at = max(person.active_at, taste.as_of)
        person.n_unclicked = taste.n_unclicked
        for place in person.places.values():
            if place.unclicked > person.n_unclicked:
                # A click has reset the count: fatigue is counted from there.
                place.unclicked = person.n_unclicked
                table.touch(number)
        return self._asking.ask(table, number, person, taste.user_id, now)

    def _note(self, table: PeopleTable, request: CreativeRequest, now: int) -> None:
        """Learn from an explicit request that the person is active on a placement."""
        if request.placement not in PLACEMENTS:
            return
        asked_at = min(request.requested_at, now)
        number = table.find_or_add(request.user_id)
        person = table.load(number) or Person(since=asked_at, active_at=asked_at)
        person.active_at = max(person.active_at, asked_at)
        place = person.places.setdefault(request.placement, Place())
        if place.requested_at < asked_at:
            place.requested_at = asked_at
            place.unclicked = person.n_unclicked
            if person.consent:
                place.snapshot = (
                    person.vector
                    if request.preferences is None
                    else from_bytes(request.preferences)
                )
        table.touch(number)
        self._asking.schedule(table, number, person, now)

    def _erase(self, partition: int, user_id: str) -> list[Outgoing]:
        """Forget a person; withdraw every creative that they may still have."""
        self._table(partition).remove(user_id)
        return [
            Outgoing(Creative, f"{user_id}|{placement}", None, partition_key=user_id)
            for placement in PLACEMENTS
        ]

    def _look(self, table: PeopleTable, number: int, now: int) -> list[Outgoing]:
        person = table.load(number)
        if person is None:
            return []
        user_id = table.user_id(number)
        if now >= person.active_at + self._rules.forget_ms:
            table.remove(user_id)
            return []
        return self._asking.ask(table, number, person, user_id, now)
