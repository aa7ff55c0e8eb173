"""A person -> the requests that they need now, and the call for the next look."""

from model_export.space.style import written
from schemas.preference_vector import to_bytes
from schemas.records import CreativeRequest, RequestReason
from schemas.vocabulary import deployed, mark
from streams.columns.ids import derived_id
from streams.engine.stage import Outgoing
from streams.stages.requests.encoding import encode_request
from streams.stages.requests.needs import NeedRules
from streams.stages.requests.state import Person, Place
from streams.stages.requests.table import PeopleTable


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

    def ask(
        self,
        table: PeopleTable,
        number: int,
        person: Person,
        user_id: str,
        now: int,
        tired_on: str | None = None,
    ) -> list[Outgoing]:
        """Return what a person needs; keep the person.

        Args:
            table: of the person.
            number: of their row.
            person: what the row holds.
            user_id: theirs.
            now: epoch ms.
            tired_on: placement that shows them a style that they are tired of.
        """
        outgoing = []
        for name, reason in self._reasons(person, now, tired_on):
            # Written also when the cooldown holds it back: it must outlive a restart.
            table.touch(number)
            if self._rules.may_ask(person.places[name], now):
                tired_of = table.styles.tired_of(user_id, now)
                outgoing.append(
                    self._request(user_id, person, name, reason, tired_of, now)
                )
        self.schedule(table, number, person, now)
        return outgoing

    def schedule(
        self, table: PeopleTable, number: int, person: Person, now: int
    ) -> None:
        """Keep a person, and one call for when time alone changes something."""
        due = self._rules.next_instant(person, now)
        if person.alarm_at <= now or due < person.alarm_at:
            person.alarm_at = due
            table.call_at(number, due)
        table.store(number, person)

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
        tired_of: list[str],
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
            tired_of=written(tired_of),
            vocabulary=None if person.vector is None else mark(),
        )
        encoded = None if self._frame is None else encode_request(request, self._frame)
        return Outgoing(CreativeRequest, user_id, encoded or request)
