"""What the requests stage remembers of a person, as an object and as a binary row.

A row of the changelog, little-endian, is `HEAD`, the latest vector if there is one,
then for each placement `ENTRY` and, if it differs from the latest one, its snapshot.
"""

import struct
from dataclasses import dataclass, field

from schemas.preference_vector import Floats, from_bytes, to_bytes
from schemas.vocabulary import deployed

HEAD = struct.Struct("<BBHqqI")
"""Version, flags, categories, since, active_at, n_unclicked."""
ENTRY = struct.Struct("<BBqII")
"""Placement, snapshot, requested_at, n_requests, unclicked."""
VERSION = 1

PLACES = tuple(deployed().placements)
"""A row names a placement by its place in here: new ones come last."""

_CONSENT, _CHINESE, _HISTORY, _VECTOR = 1, 2, 4, 8
_NO_SNAPSHOT, _OWN, _SAME = 0, 1, 2
"""Snapshot: none; written behind the entry; the person's latest vector."""


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


def encode_person(person: Person, n_categories: int) -> bytes:
    """Return the row of a person whose vectors have so many categories."""
    flags = (
        _CONSENT * person.consent
        | _CHINESE * (person.language == "zh")
        | _HISTORY * person.has_history
        | _VECTOR * (person.vector is not None)
    )
    latest = b"" if person.vector is None else to_bytes(person.vector)
    parts = [
        HEAD.pack(
            VERSION,
            flags,
            n_categories,
            person.since,
            person.active_at,
            person.n_unclicked,
        ),
        latest,
    ]
    for number, name in enumerate(PLACES):
        if name in person.places:
            parts += _encode_place(number, person.places[name], latest)
    return b"".join(parts)


def _encode_place(number: int, place: Place, latest: bytes) -> tuple[bytes, bytes]:
    kind, snapshot = _NO_SNAPSHOT, b""
    if place.snapshot is not None:
        kind, snapshot = _OWN, to_bytes(place.snapshot)
        if snapshot == latest:
            kind, snapshot = _SAME, b""
    numbers = place.requested_at, place.n_requests, place.unclicked
    return ENTRY.pack(number, kind, *numbers), snapshot


def decode_person(row: bytes, n_categories: int) -> Person:
    """Return the person of a row; vectors of another vocabulary are left out.

    Raises:
        ValueError: the row is cut off, or of another release.
    """
    if not row or row[0] != VERSION:
        raise ValueError(
            f"a person's row of version {row[:1].hex() or 'none'}: expected {VERSION}; "
            "another release wrote it"
        )
    read = _Reader(row, n_categories)
    _, flags, read.n_written, since, active_at, n_unclicked = read.numbers(HEAD)
    vector = read.vector() if flags & _VECTOR else None
    person = Person(
        since=since,
        active_at=active_at,
        consent=bool(flags & _CONSENT),
        language="zh" if flags & _CHINESE else "en",
        vector=vector,
        has_history=bool(flags & _HISTORY) and read.is_ours,
        n_unclicked=n_unclicked,
    )
    while read.at < len(row):
        number, kind, requested_at, n_requests, unclicked = read.numbers(ENTRY)
        if number >= len(PLACES) or kind > _SAME:
            raise ValueError(
                f"a person's row with placement {number}, snapshot {kind}: "
                "another release wrote it"
            )
        snapshot = read.vector() if kind == _OWN else None
        if kind == _SAME and vector is not None:
            snapshot = vector.copy()
        person.places[PLACES[number]] = Place(
            n_requests, requested_at, unclicked, snapshot
        )
    return person


class _Reader:
    """A row that is read from its beginning."""

    def __init__(self, row: bytes, n_categories: int) -> None:
        self._row = row
        self._n_categories = n_categories
        self.n_written = n_categories
        """Categories of the vectors in this row."""
        self.at = 0

    @property
    def is_ours(self) -> bool:
        return self.n_written == self._n_categories

    def numbers(self, layout: struct.Struct) -> tuple[int, ...]:
        return layout.unpack(self._take(layout.size))

    def vector(self) -> Floats | None:
        found = from_bytes(self._take(4 * self.n_written))
        return found if self.is_ours else None

    def _take(self, n: int) -> bytes:
        content = self._row[self.at : self.at + n]
        if len(content) < n:
            raise ValueError("a person's row is cut off")
        self.at += n
        return content
