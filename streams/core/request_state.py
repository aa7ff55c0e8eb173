"""What the requests stage remembers of a person, as an object and as a JSON row."""

import json
from dataclasses import dataclass, field

from streams.core.preference_vector import Floats, from_text, to_text


@dataclass(slots=True)
class Place:
    """One placement that a person is active on."""

    n_requests: int = 0
    requested_at: int = 0
    """Newest request, own or explicit; 0 when there was none."""
    unclicked: int = 0
    """Impressions without a click that the newest request has answered."""
    snapshot: Floats | None = None
    """Preference vector [categories] that the newest request carried."""


@dataclass(slots=True)
class Person:
    """What decides whether a person needs a new creative."""

    since: int
    """Event time of the record that made this row: part of the request ids."""
    active_at: int
    """Event time of the newest sign of life."""
    consent: bool = False
    language: str = "en"
    vector: Floats | None = None
    """Latest preference vector [categories]."""
    has_history: bool = False
    """True once the preferences weigh enough to start from."""
    n_unclicked: int = 0
    places: dict[str, Place] = field(default_factory=dict)
    alarm_at: int = 0
    """When the person is looked at next; not written."""

    def forget_preferences(self) -> None:
        """Drop everything that was learnt about the person's tastes."""
        self.vector = None
        self.has_history = False
        for place in self.places.values():
            place.snapshot = None


def encode_person(person: Person) -> bytes:
    """Return the JSON row of a person."""
    row = [
        person.since,
        person.active_at,
        person.consent,
        person.language,
        to_text(person.vector),
        person.has_history,
        person.n_unclicked,
        {
            name: [
                place.n_requests,
                place.requested_at,
                place.unclicked,
                to_text(place.snapshot),
            ]
            for name, place in person.places.items()
        },
    ]
    return json.dumps(row, separators=(",", ":")).encode()


def decode_person(row: bytes) -> Person:
    """Return the person of a JSON row."""
    (
        since,
        active_at,
        consent,
        language,
        vector,
        has_history,
        n_unclicked,
        places,
    ) = json.loads(row)
    return Person(
        since=since,
        active_at=active_at,
        consent=consent,
        language=language,
        vector=from_text(vector),
        has_history=has_history,
        n_unclicked=n_unclicked,
        places={
            name: Place(n_requests, requested_at, unclicked, from_text(snapshot))
            for name, (n_requests, requested_at, unclicked, snapshot) in places.items()
        },
    )
