"""What comes in about one person -> what is remembered of them, what they need."""

from schemas.preference_vector import from_bytes
from schemas.records import Creative, CreativeRequest
from schemas.vocabulary import deployed
from streams.engine.stage import Outgoing
from streams.stages.requests.asking import Asking
from streams.stages.requests.needs import ENOUGH_WEIGHT, NeedRules
from streams.stages.requests.seen import Seen
from streams.stages.requests.state import Person, Place
from streams.stages.requests.table import PeopleTable
from streams.stages.requests.tastes import Taste


class Learning:
    """Learns of people one at a time; each method returns what then leaves.

    Args:
        rules: when a person needs a new creative.
        asking: asks for it.
    """

    def __init__(self, rules: NeedRules, asking: Asking) -> None:
        self._rules = rules
        self._asking = asking

    def follow(self, table: PeopleTable, taste: Taste, now: int) -> list[Outgoing]:
        """Learn what a person likes."""
        number = table.find(taste.user_id)
        person = table.load(number)
        if not taste.consent:
            if person is not None and person.consent:
                person.consent = False
                person.forget_preferences()
                table.styles.remove(taste.user_id)
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

    def note(self, table: PeopleTable, request: CreativeRequest, now: int) -> None:
        """Learn from an explicit request that the person is active on a placement."""
        if request.placement not in deployed().placements:
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

    def see(self, table: PeopleTable, seen: Seen, now: int) -> list[Outgoing]:
        """Count an impression; ask when the person is tired of what they now see."""
        number = table.find(seen.user_id)
        if not table.agrees(number):
            return []
        if not table.styles.see(seen, now) or seen.clicked:
            return []
        person = table.load(number)
        place = None if person is None else person.places.get(seen.placement)
        if person is None or place is None or seen.shown_at <= place.requested_at:
            return []  # what was shown before the newest request is answered by it
        return self._asking.ask(
            table, number, person, seen.user_id, now, tired_on=seen.placement
        )

    def erase(self, table: PeopleTable, user_id: str) -> list[Outgoing]:
        """Forget a person; withdraw every creative that they may still have."""
        table.remove(user_id)
        return [
            Outgoing(Creative, f"{user_id}|{placement}", None, partition_key=user_id)
            for placement in deployed().placements
        ]

    def look(self, table: PeopleTable, number: int, now: int) -> list[Outgoing]:
        """Look at a person again; forget who has been idle for long."""
        person = table.load(number)
        if person is None:
            return []
        user_id = table.user_id(number)
        if now >= person.active_at + self._rules.forget_ms:
            table.remove(user_id)
            return []
        return self._asking.ask(table, number, person, user_id, now)
