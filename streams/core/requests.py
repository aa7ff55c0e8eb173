"""ads.preference.v1, explicit requests -> ads.creative-request.v1.

A person needs a new creative when there is none yet (`new_user`), when their
preferences have moved (`preference_shift`), when they keep not clicking (`fatigue`) and
when the creative's life is over while they are active (`expiry`). An explicit request
is answered by the creatives stage; here it tells which placements a person uses.

Conditions are looked at again after the cooldown, and not queued: a need that has
passed by then is not asked for. Written are the rows whose loss would change a
decision; a latest vector that decided nothing comes back with the next preference
record.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from schemas.records import (
    Creative,
    CreativeRequest,
    Preference,
    Record,
    RequestReason,
)
from streams.core.alarms import Alarms
from streams.core.ids import derived_id
from streams.core.keyed_state import KeyedState
from streams.core.placements import PLACEMENTS
from streams.core.preference_vector import (
    cosine_distance,
    from_bytes,
    mixed,
    to_bytes,
)
from streams.core.request_state import Person, Place, decode_person, encode_person
from streams.core.stage import Incoming, Outgoing, StateRow
from streams.settings import RequestsSettings

ENOUGH_WEIGHT = 1.0
"""Liked weight, in clicks at the longest half-life, from which a taste is a taste."""


class Requests:
    """Asks for creatives (a `Stage`).

    Args:
        settings: thresholds, cooldown and deadline.
        expiry_s: a creative's life, seconds.
        first_placements: where a person is shown something until it is known better.
        active_s: a person counts as active this long after their last event.
        forget_s: a person without an event for this long is forgotten.
    """

    name = "requests"
    sources: tuple[type[Record], ...] = (Preference, CreativeRequest)

    def __init__(
        self,
        settings: RequestsSettings,
        *,
        expiry_s: float = 3_600.0,
        first_placements: Sequence[str] = ("feed-card",),
        active_s: float = 3_600.0,
        forget_s: float = 7 * 86_400.0,
    ) -> None:
        self._settings = settings
        self._cooldown_ms = int(settings.cooldown_s * 1000)
        self._deadline_ms = int(settings.deadline_s * 1000)
        self._expiry_ms = int(expiry_s * 1000)
        self._active_ms = int(active_s * 1000)
        self._forget_ms = int(forget_s * 1000)
        self._first_placements = tuple(first_placements)
        self._people = KeyedState(encode_person, decode_person)
        self._alarms = Alarms()

    def step(self, incoming: Sequence[Incoming], now: int) -> list[Outgoing]:
        """Learn what changed; ask where it makes a new creative necessary."""
        outgoing: list[Outgoing] = []
        for record in incoming:
            match record.value:
                case Preference():
                    outgoing += self._follow(record.partition, record.value, now)
                case CreativeRequest(reason="explicit"):
                    self._note(record.partition, record.value, now)
                case None:
                    self._people.delete(record.partition, record.key)
                    outgoing += _withdrawals(record.key)
        return outgoing

    def tick(self, now: int) -> list[Outgoing]:
        """Ask for what a cooldown held back and for what expired; forget the idle."""
        outgoing: list[Outgoing] = []
        for partition in self._alarms.partitions():
            for user_id in self._alarms.ring(partition, now):
                outgoing += self._look(partition, user_id, now)
        return outgoing

    def take_dirty(self) -> list[StateRow]:
        """Return the changed people."""
        return self._people.take_dirty()

    def restore(self, rows: Iterable[StateRow]) -> None:
        """Take people back; the next tick looks at each of them once."""
        rows = list(rows)
        self._people.restore(rows)
        for partition, user_id in {(row.partition, row.key) for row in rows}:
            self._alarms.put(partition, user_id, 0)

    def drop(self, partition: int) -> None:
        """Forget the people of a partition."""
        self._people.drop(partition)
        self._alarms.drop(partition)

    def __len__(self) -> int:
        """Return the number of people remembered."""
        return len(self._people)

    # -- what comes in --------------------------------------------------------------

    def _follow(
        self, partition: int, preference: Preference, now: int
    ) -> list[Outgoing]:
        person = self._people.get(partition, preference.user_id)
        if not preference.consent:
            if person is not None and person.consent:
                person.consent = False
                person.forget_preferences()
                self._people.put(partition, preference.user_id, person)
            return []
        liked = _liked(preference)
        if person is None:
            if liked < ENOUGH_WEIGHT or not self._is_recent(preference.as_of, now):
                return []
            person = Person(since=preference.as_of, active_at=preference.as_of)
        person.consent = True
        person.language = _language(preference.language)
        person.vector = mixed(
            preference.weights, len(preference.half_lives_s), _columns(preference)
        )
        person.has_history = liked >= ENOUGH_WEIGHT
        person.active_at = max(person.active_at, preference.as_of)
        person.n_unclicked = preference.n_unclicked
        if any(
            place.unclicked > person.n_unclicked for place in person.places.values()
        ):
            # A click has reset the count: fatigue is counted from there.
            for place in person.places.values():
                place.unclicked = min(place.unclicked, person.n_unclicked)
            self._people.put(partition, preference.user_id, person)
        outgoing = self._ask(partition, preference.user_id, person, now)
        self._schedule(partition, preference.user_id, person, now)
        return outgoing

    def _note(self, partition: int, request: CreativeRequest, now: int) -> None:
        """Learn from an explicit request that the person is active on a placement."""
        if request.placement not in PLACEMENTS:
            return
        asked_at = min(request.requested_at, now)
        person = self._people.get(partition, request.user_id)
        if person is None:
            person = Person(since=asked_at, active_at=asked_at)
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
        self._people.put(partition, request.user_id, person)
        self._schedule(partition, request.user_id, person, now)

    # -- what goes out --------------------------------------------------------------

    def _look(self, partition: int, user_id: str, now: int) -> list[Outgoing]:
        person = self._people.get(partition, user_id)
        if person is None or now < person.alarm_at:
            return []
        if now >= person.active_at + self._forget_ms:
            self._people.delete(partition, user_id)
            return []
        outgoing = self._ask(partition, user_id, person, now)
        self._schedule(partition, user_id, person, now)
        return outgoing

    def _ask(
        self, partition: int, user_id: str, person: Person, now: int
    ) -> list[Outgoing]:
        if not person.consent or person.vector is None:
            return []
        if not self._is_recent(person.active_at, now):
            return []
        if not person.places and person.has_history:
            person.places = {name: Place() for name in self._first_placements}
        outgoing = []
        for name, place in person.places.items():
            reason = self._reason(person, place, now)
            if reason is None:
                continue
            # Written also when the cooldown holds it back: it must outlive a restart.
            self._people.put(partition, user_id, person)
            if now >= place.requested_at + self._cooldown_ms:
                outgoing.append(self._request(user_id, person, name, reason, now))
        return outgoing

    def _reason(self, person: Person, place: Place, now: int) -> RequestReason | None:
        return self._taste_moved(person, place) or self._creative_is_spent(
            person, place, now
        )

    def _taste_moved(self, person: Person, place: Place) -> RequestReason | None:
        if person.vector is None:
            return None
        if place.snapshot is None:
            return "new_user" if person.has_history else None
        moved = cosine_distance(person.vector, place.snapshot) > self._settings.shift
        return "preference_shift" if moved else None

    def _creative_is_spent(
        self, person: Person, place: Place, now: int
    ) -> RequestReason | None:
        if not place.requested_at:
            return None
        if person.n_unclicked - place.unclicked >= self._settings.fatigue_impressions:
            return "fatigue"
        return "expiry" if now >= place.requested_at + self._expiry_ms else None

    def _request(
        self, user_id: str, person: Person, name: str, reason: RequestReason, now: int
    ) -> Outgoing:
        place = person.places[name]
        place.n_requests += 1
        place.requested_at = now
        place.unclicked = person.n_unclicked
        place.snapshot = person.vector
        request = CreativeRequest(
            # The count makes a repeat after a crash the same request, whatever the
            # clock says then; `since` tells it from those before an erasure.
            request_id=derived_id(
                "request", user_id, name, reason, person.since, place.n_requests
            ),
            user_id=user_id,
            reason=reason,
            placement=name,
            surface=PLACEMENTS[name].surface,
            language=person.language,
            preferences=None if person.vector is None else to_bytes(person.vector),
            requested_at=now,
            deadline_at=now + self._deadline_ms,
        )
        return Outgoing(CreativeRequest, user_id, request)

    def _is_recent(self, at: int, now: int) -> bool:
        return now - at <= self._active_ms

    def _schedule(self, partition: int, user_id: str, person: Person, now: int) -> None:
        """Keep one call for the next instant at which time alone changes something."""
        instants = [person.active_at + self._forget_ms]
        for place in person.places.values():
            if place.requested_at:
                instants.append(place.requested_at + self._cooldown_ms)
                instants.append(place.requested_at + self._expiry_ms)
        due = min((at for at in instants if at > now), default=now + 1)
        if person.alarm_at <= now or due < person.alarm_at:
            person.alarm_at = due
            self._alarms.put(partition, user_id, due)


def _columns(preference: Preference) -> int:
    return len(preference.weights) // (4 * len(preference.half_lives_s))


def _liked(preference: Preference) -> float:
    """Return the liked weight at the longest half-life, in clicks."""
    longest = from_bytes(preference.weights)[-_columns(preference) :]
    return float(np.maximum(longest, 0).sum())


def _language(language: str | None) -> str:
    return "zh" if (language or "").lower().startswith("zh") else "en"


def _withdrawals(user_id: str) -> list[Outgoing]:
    """Return tombstones for every creative that an erased person may still have."""
    return [
        Outgoing(Creative, f"{user_id}|{placement}", None, partition_key=user_id)
        for placement in PLACEMENTS
    ]
