"""What comes in about one person -> what is remembered of them, what they need."""

from typing import get_args

from schemas.preference_vector import from_bytes, to_bytes
from schemas.records import Creative, CreativeRequest, RequestReason
from schemas.vocabulary import deployed, mark
from streams.columns.changelog import sized, varint
from streams.columns.ids import derived_id
from streams.engine.stage import Outgoing
from streams.stages.requests.person import ENOUGH_WEIGHT, NeedRules, Person, Place
from streams.stages.requests.reading import Seen, Taste
from streams.stages.requests.reference import PeopleByName
from streams.stages.requests.table import PeopleTable

People = PeopleByName | PeopleTable
"""The people of one partition: without a compiler, and with one."""


class Asking:
    """Asks for creatives, one person at a time.

    Args:
        rules: when a person needs a new creative.
        first_placements: where a person is shown something until it is known better.
        deadline_ms: how long a request lives.
        frame: of the messages, which then leave encoded.
    """

    def __init__(
        self,
        rules: NeedRules,
        first_placements: tuple[str, ...],
        deadline_ms: int,
        frame: bytes | None,
    ) -> None:
        self._rules = rules
        self._first_placements = first_placements
        self._deadline_ms = deadline_ms
        self._frame = frame
        self._mark = mark()

    def ask(
        self,
        people: People,
        user_id: str,
        person: Person,
        now: int,
        tired_on: str | None = None,
    ) -> list[Outgoing]:
        """Return what a person needs; keep the person.

        Args:
            people: of their partition.
            user_id: theirs.
            person: as loaded.
            now: epoch ms.
            tired_on: placement that shows them a style that they are tired of.
        """
        outgoing = []
        for name, reason in self._reasons(person, now, tired_on):
            # Written also when the cooldown holds it back: it must outlive a restart.
            person.is_changed = True
            if self._rules.may_ask(person.places[name], now):
                tired_of = people.styles.tired_of(user_id, now)
                outgoing.append(
                    self._request(user_id, person, name, reason, tired_of, now)
                )
        self.schedule(people, user_id, person, now)
        return outgoing

    def schedule(self, people: People, user_id: str, person: Person, now: int) -> None:
        """Keep a person, and one call for when time alone changes something."""
        due = self._rules.next_instant(person, now)
        if person.alarm_at <= now or due < person.alarm_at:
            person.alarm_at = due
        people.store(user_id, person)

    def _reasons(
        self, person: Person, now: int, tired_on: str | None
    ) -> list[tuple[str, RequestReason]]:
        is_active = self._rules.is_recent(person.active_at, now)
        if not person.consent or person.vector is None or not is_active:
            return []
        if not person.places and person.has_history:
            person.places = {name: Place() for name in self._first_placements}
        found = []
        for name, place in person.places.items():
            reason = self._rules.reason(person, place, now)
            if reason is None and name == tired_on:
                reason = "fatigue"
            if reason is not None:
                found.append((name, reason))
        return found

    def _request(
        self,
        user_id: str,
        person: Person,
        name: str,
        reason: RequestReason,
        tired_of: str | None,
        now: int,
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
            surface=deployed().placements[name].surface,
            language=person.language,
            preferences=None if person.vector is None else to_bytes(person.vector),
            requested_at=now,
            deadline_at=now + self._deadline_ms,
            tired_of=tired_of,
            vocabulary=None if person.vector is None else self._mark,
        )
        encoded = None if self._frame is None else encode_request(request, self._frame)
        return Outgoing(CreativeRequest, user_id, encoded or request)


class Learning:
    """Learns of people one at a time; each method returns what then leaves.

    Args:
        rules: when a person needs a new creative.
        asking: asks for it.
    """

    def __init__(self, rules: NeedRules, asking: Asking) -> None:
        self._rules = rules
        self._asking = asking

    def follow(self, people: People, taste: Taste, now: int) -> list[Outgoing]:
        """Learn what a person likes."""
        person = people.load(taste.user_id)
        if not taste.consent:
            self._withdraw_consent(people, taste.user_id, person)
            return []
        if person is None:
            is_recent = self._rules.is_recent(taste.as_of, now)
            if taste.liked < ENOUGH_WEIGHT or not is_recent:
                return []
            person = Person(since=taste.as_of, active_at=taste.as_of)
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
                person.is_changed = True
        return self._asking.ask(people, taste.user_id, person, now)

    def _withdraw_consent(
        self, people: People, user_id: str, person: Person | None
    ) -> None:
        if person is None:
            return
        if person.consent:
            person.consent = False
            person.forget_preferences()
            person.is_changed = True
            people.styles.remove(user_id)
        people.store(user_id, person)

    def note(self, people: People, request: CreativeRequest, now: int) -> None:
        """Learn from an explicit request that the person is active on a placement."""
        if request.placement not in deployed().placements:
            return
        asked_at = min(request.requested_at, now)
        user_id = request.user_id
        person = people.load(user_id) or Person(since=asked_at, active_at=asked_at)
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
        person.is_changed = True
        self._asking.schedule(people, user_id, person, now)

    def see(self, people: People, seen: Seen, now: int) -> list[Outgoing]:
        """Count an impression; ask when the person is tired of what they now see."""
        if not people.agrees(seen.user_id):
            return []
        if not people.styles.see(seen, now) or seen.clicked:
            return []
        person = people.load(seen.user_id)
        place = None if person is None else person.places.get(seen.placement)
        if person is None or place is None or seen.shown_at <= place.requested_at:
            return []  # what was shown before the newest request is answered by it
        return self._asking.ask(
            people, seen.user_id, person, now, tired_on=seen.placement
        )

    def erase(self, people: People, user_id: str) -> list[Outgoing]:
        """Forget a person; withdraw every creative that they may still have."""
        people.remove(user_id)
        return [
            Outgoing(Creative, f"{user_id}|{placement}", None, partition_key=user_id)
            for placement in deployed().placements
        ]

    def look(self, people: People, user_id: str, now: int) -> list[Outgoing]:
        """Look at a person again; forget who has been idle for long."""
        person = people.load(user_id)
        if person is None:
            return []
        if now >= person.active_at + self._rules.forget_ms:
            people.remove(user_id)
            return []
        return self._asking.ask(people, user_id, person, now)


_REASONS = {name: varint(i) for i, name in enumerate(get_args(RequestReason))}
_SURFACES = {name: varint(i) for i, name in enumerate(deployed().surfaces)}


def encode_request(request: CreativeRequest, frame: bytes) -> bytes:
    """Return a framed message, equal to what the codec writes.

    Args:
        request: admitted names, known enum symbols.
        frame: zero byte and schema id.
    """
    preferences = request.preferences
    return b"".join(
        (
            frame,
            sized(request.request_id.encode()),
            sized(request.user_id.encode()),
            _REASONS[request.reason],
            sized(request.placement.encode()),
            _SURFACES[request.surface],
            sized(request.language.encode()),
            _optional(request.category),
            b"\0" if preferences is None else b"\2" + sized(preferences),
            varint(request.requested_at),
            varint(request.deadline_at),
            _optional(request.tired_of),
            _optional(request.vocabulary),
        )
    )


def _optional(text: str | None) -> bytes:
    return b"\0" if text is None else b"\2" + sized(text.encode())
