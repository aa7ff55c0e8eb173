"""What a person's preferences are: records in, records out, one event at a time.

`kernel.pyx` does the same for the volume, and the tests hold the two equal: this is the
definition, and the stage itself where there is no compiler. What an event does to a
person is in `person.py`.

It keeps no snapshots.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import cast

import numpy as np

from schemas.avro import AvroError, Codec
from schemas.records import Behavior, Preference, Profile, Record, TextSignal
from schemas.vocabulary import Vocabulary, VocabularyError
from streams.admission.checks import DAY_MS
from streams.admission.records import reason_to_reject
from streams.columns.columns import Columns
from streams.columns.rows import SURFACES, instant
from streams.columns.rules import KIND_WEIGHTS
from streams.columns.vocabulary import translated_record
from streams.engine.stage import Incoming, Outgoing, StateRow
from streams.errors import StateError
from streams.settings import PreferencesSettings
from streams.stages.preferences import STAGE
from streams.stages.preferences.person import (
    OF_PROFILE,
    KnownPerson,
    Sums,
    record_of,
    restored,
)

INTEREST_WEIGHT = 2.0
"""What a declared interest adds, in clicks."""

SOURCES = STAGE.sources

ANY_TIME = instant(2**32) - DAY_MS - 1
"""A clock for what was admitted once: any time goes that has a tick, up to 2069."""

_OTHER = len(SURFACES) - 1

Gains = Sequence[tuple[str, float]]
"""Categories, and what each of them gains, in clicks."""


class SeenIds:
    """Remembers the last `size` to 2 * `size` ids.

    >>> seen = SeenIds(size=2)
    >>> [seen.is_new(one) for one in ("a", "a", "b", "c", "a", "d", "a")]
    [True, False, True, True, False, True, True]
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._now: set[object] = set()
        self._before: set[object] = set()

    def is_new(self, one: object) -> bool:
        """See an id; return whether it is new."""
        if one in self._before or one in self._now:
            return False
        self._now.add(one)
        if len(self._now) >= self._size:
            self._now, self._before = set(), self._now
        return True


class PeopleOfPartition:
    """The people of one partition."""

    def __init__(self, window: int) -> None:
        self.people: dict[str, KnownPerson] = {}
        self.changed: dict[str, None] = {}
        self.gone: dict[str, None] = {}
        """Erased people whose tombstone is not written yet."""
        self.positions = [-1, -1, -1]
        """Last offset folded in of each of `SOURCES`."""
        self.seen = SeenIds(window)

    def includes(self, source: int, user_id: str, offset: int) -> bool:
        """Move the position; return whether the person includes the offset already."""
        self.positions[source] = max(self.positions[source], offset)
        person = self.people.get(user_id)
        return person is not None and offset <= person.included[source]


class ReferencePreferences:
    """Rolling, decayed preferences over several half-lives (a `Stage`).

    Args:
        settings: of this stage.
        vocabulary: of the deployment.
        codec: of the output.
    """

    name = STAGE.name
    sources = SOURCES

    def __init__(
        self,
        settings: PreferencesSettings,
        vocabulary: Vocabulary,
        codec: Codec[Preference],
    ) -> None:
        self._codec = codec
        self._window = settings.duplicate_window
        self._lives_s = settings.half_lives_s
        self._lives_ms = 1000.0 * np.array(settings.half_lives_s)
        self._vocabulary = vocabulary
        self._columns = vocabulary.columns
        self._partitions: dict[int, PeopleOfPartition] = {}

    # -- events -------------------------------------------------------------------

    def step(self, incoming: Sequence[Incoming], now: int) -> list[Outgoing]:  # noqa: ARG002 - event time rules here
        """Fold records in. Nothing goes out: the changelog is the output."""
        for one in incoming:
            partition = self._partition(one.partition)
            match one.value:
                case Behavior():
                    self._behave(partition, one.value, one.offset)
                case Profile():
                    self._describe(partition, one.value, one.offset)
                case TextSignal():
                    self._read(partition, one.value, one.offset)
                case None:
                    self._erase(partition, one.key, one.offset)
        return []

    def unknown_categories(self, columns: Columns) -> Sequence[int]:  # noqa: ARG002 - no columns come here
        """Return nothing: records come one by one, and are judged so."""
        return ()

    def n_recalled(self, source: type[Record]) -> int:
        """Return the window of events among which a repeated id is recognised."""
        return self._window if source is Behavior else 0

    def see(self, incoming: Incoming) -> None:
        """See the id of behaviour again that the state includes."""
        if isinstance(incoming.value, Behavior):
            event = incoming.value
            seen = self._partition(incoming.partition).seen
            seen.is_new((event.user_id, event.event_id))

    def tick(self, now: int) -> list[Outgoing]:  # noqa: ARG002 - decay needs no clock
        """Return nothing: weights decay by being read later."""
        return []

    def _behave(
        self, partition: PeopleOfPartition, event: Behavior, offset: int
    ) -> None:
        is_new = partition.seen.is_new((event.user_id, event.event_id))
        if partition.includes(0, event.user_id, offset) or not is_new:
            return
        person = self._person(partition, event.user_id)
        gains: Gains = ()
        if event.category is not None:
            gains = [(event.category, KIND_WEIGHTS[event.kind])]
        self._learn(person, event.occurred_at, gains, consent=event.consent)
        if event.kind == "impression":
            surfaces = self._vocabulary.surfaces
            place = surfaces.index(event.surface) if event.surface else _OTHER
            person.show(event.occurred_at, min(place, _OTHER))
        elif event.kind == "click":
            person.click(event.occurred_at)

    def _describe(
        self, partition: PeopleOfPartition, profile: Profile, offset: int
    ) -> None:
        """Take a profile over, and what interests it declares."""
        if partition.includes(1, profile.user_id, offset):
            return
        person = self._person(partition, profile.user_id)
        names = OF_PROFILE if profile.consent else ()
        person.profile = {name: getattr(profile, name) for name in names}
        key = ("profile", profile.user_id, profile.updated_at)
        # A person who was erased may send the same profile again.
        if partition.seen.is_new(key) or not person.as_of:
            gains = [(one, INTEREST_WEIGHT) for one in profile.interests]
            self._learn(person, profile.updated_at, gains, consent=profile.consent)
            person.n_events -= 1  # it says who somebody is, not what they did

    def _read(
        self, partition: PeopleOfPartition, text: TextSignal, offset: int
    ) -> None:
        """Take over what a text says about its writer."""
        if partition.includes(2, text.user_id, offset):
            return
        if partition.seen.is_new(("text", text.user_id, text.text_id)):
            person = self._person(partition, text.user_id)
            gains = [(one.category, one.weight) for one in text.shifts]
            self._learn(person, text.written_at, gains, consent=text.consent)

    def _erase(self, partition: PeopleOfPartition, user_id: str, offset: int) -> None:
        if not partition.includes(1, user_id, offset):
            partition.people.pop(user_id, None)
            partition.gone[user_id] = None

    def _learn(
        self, person: KnownPerson, at: int, gains: Gains, *, consent: bool
    ) -> None:
        """Add an event of an instant; of categories that we do not have nothing."""
        known = [
            (self._columns[category], amount)
            for category, amount in gains
            if category in self._columns
        ]
        person.learn(at, known, self._lives_ms, consent=consent)

    def _person(self, partition: PeopleOfPartition, user_id: str) -> KnownPerson:
        """Return a person who is about to change."""
        partition.changed[user_id] = None
        if user_id not in partition.people:
            partition.people[user_id] = KnownPerson(self._no_weights())
        return partition.people[user_id]

    def _no_weights(self) -> Sums:
        return np.zeros((len(self._lives_s), len(self._vocabulary.categories)))

    # -- state --------------------------------------------------------------------

    def take_dirty(self) -> list[StateRow]:
        """Return the records of changed people, and tombstones of erased ones."""
        rows = []
        for number, partition in self._partitions.items():
            for user_id in partition.changed.keys() & partition.people.keys():
                person = partition.people[user_id]
                record = record_of(person, user_id, self._lives_s, partition.positions)
                rows.append(StateRow(number, user_id, self._codec.encode(record)))
            gone = partition.gone.keys() - partition.people.keys()
            rows += [StateRow(number, user_id, None) for user_id in gone]
            partition.changed.clear()
            partition.gone.clear()
        return rows

    def restore(self, rows: Iterable[StateRow]) -> None:
        """Take people back from Preference records; later ones win."""
        for row in rows:
            partition = self._partition(row.partition)
            if row.value is None:
                partition.people.pop(row.key, None)
                continue
            record = self._admitted(row.value)
            if record is not None:
                person = restored(record, self._no_weights().shape)
                partition.people[record.user_id] = person
                newer = map(max, partition.positions, person.included)
                partition.positions = [*newer]

    def _admitted(self, value: bytes) -> Preference | None:
        """Return a record of the changelog; weights of another shape start anew.

        Raises:
            StateError: nobody knows its vocabulary.
        """
        try:
            record = cast("Preference", translated_record(self._codec.decode(value)))
        except AvroError:  # nobody here wrote it: the requests stage says so
            return None
        except VocabularyError as error:
            raise StateError(f"changelog of preferences: {error}") from error
        nothing = self._no_weights().astype("<f4").tobytes()
        is_ours = record.half_lives_s == self._lives_s
        if not is_ours or len(record.weights) != len(nothing):
            record = replace(record, half_lives_s=self._lives_s, weights=nothing)
        return record if reason_to_reject(record, ANY_TIME) is None else None

    def drop(self, partition: int) -> None:
        """Forget a partition."""
        self._partitions.pop(partition, None)

    def _partition(self, number: int) -> PeopleOfPartition:
        if number not in self._partitions:
            self._partitions[number] = PeopleOfPartition(self._window)
        return self._partitions[number]
