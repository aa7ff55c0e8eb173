"""A person -> whether a new creative is needed, and when to look again."""

from dataclasses import dataclass

from schemas.preference_vector import cosine_distance
from schemas.records import RequestReason
from streams.stages.requests.state import Person, Place

ENOUGH_WEIGHT = 0.95
"""Liked weight, in clicks at the longest half-life, from which a taste is a taste: one
click of the last day. A whole click would be too much: any event that comes after the
click, in the same flush even, finds it a little faded."""


@dataclass(frozen=True)
class NeedRules:
    """Thresholds and lengths; the compiled `Rules` take the same fields."""

    shift: float
    """Cosine distance above which preferences have moved."""
    fatigue_impressions: int
    cooldown_ms: int
    expiry_ms: int
    """A creative's life."""
    active_ms: int
    """A person counts as active this long after their last event."""
    forget_ms: int
    """A person without an event for this long is forgotten."""
    enough_weight: float = ENOUGH_WEIGHT

    def is_recent(self, at: int, now: int) -> bool:
        """Return whether somebody seen at an instant is active."""
        return now - at <= self.active_ms

    def reason(self, person: Person, place: Place, now: int) -> RequestReason | None:
        """Return why a placement of a person needs a new creative, if it does."""
        return self._taste_moved(person, place) or self._creative_is_spent(
            person, place, now
        )

    def _taste_moved(self, person: Person, place: Place) -> RequestReason | None:
        if person.vector is None:
            return None
        if place.snapshot is None:
            return "new_user" if person.has_history else None
        moved = cosine_distance(person.vector, place.snapshot) > self.shift
        return "preference_shift" if moved else None

    def _creative_is_spent(
        self, person: Person, place: Place, now: int
    ) -> RequestReason | None:
        if not place.requested_at:
            return None
        if person.n_unclicked - place.unclicked >= self.fatigue_impressions:
            return "fatigue"
        return "expiry" if now >= place.requested_at + self.expiry_ms else None

    def may_ask(self, place: Place, now: int) -> bool:
        """Return whether the cooldown of a placement is over."""
        return now >= place.requested_at + self.cooldown_ms

    def next_instant(self, person: Person, now: int) -> int:
        """Return the next instant at which time alone changes something."""
        instants = [person.active_at + self.forget_ms]
        for place in person.places.values():
            if place.requested_at:
                instants.append(place.requested_at + self.cooldown_ms)
                instants.append(place.requested_at + self.expiry_ms)
        return min((at for at in instants if at > now), default=now + 1)
