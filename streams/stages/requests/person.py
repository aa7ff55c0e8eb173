"""What the requests stage remembers of a person, and when they need a new creative.

A row of the changelog, little-endian, is `HEAD`, the vocabulary's digest (6 bytes) in
version 2, the latest vector if there is one, then for each placement `ENTRY` and, if it
differs from the latest one, its snapshot. Version 1 is of the bundled vocabulary.
"""

import struct
from dataclasses import dataclass, field

import numpy as np

from schemas.preference_vector import Floats, cosine_distance, from_bytes, to_bytes
from schemas.records import RequestReason
from schemas.vocabulary import VocabularyError, deployed, ids_of, mapped, mark
from streams.errors import StateError

HEAD = struct.Struct("<BBHqqI")
"""Version, flags, categories, since, active_at, n_unclicked."""
ENTRY = struct.Struct("<BBqII")
"""Placement, snapshot, requested_at, n_requests, unclicked."""
VERSION, MARKED_VERSION = 1, 2

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
    is_changed: bool = False
    """True when the row has to be written."""

    def forget_preferences(self) -> None:
        """Drop everything that was learnt about the person's tastes."""
        self.vector = None
        self.has_history = False
        for place in self.places.values():
            place.snapshot = None


ENOUGH_WEIGHT = 0.95
"""Liked weight, in clicks at the longest half-life, from which a taste is a taste: one
click of the last day. A whole click would be too much: any event that comes after the
click, in the same flush even, finds it a little faded."""


@dataclass(frozen=True)
class NeedRules:
    """When a person needs a new creative: thresholds and lengths."""

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


def encode_person(person: Person, n_categories: int) -> bytes:
    """Return the row of a person whose vectors have so many categories."""
    flags = (
        _CONSENT * person.consent
        | _CHINESE * (person.language == "zh")
        | _HISTORY * person.has_history
        | _VECTOR * (person.vector is not None)
    )
    latest = b"" if person.vector is None else to_bytes(person.vector)
    seal = mark_bytes()
    parts = [
        HEAD.pack(
            MARKED_VERSION if seal else VERSION,
            flags,
            n_categories,
            person.since,
            person.active_at,
            person.n_unclicked,
        ),
        seal,
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


def mark_bytes() -> bytes:
    """Return the digest that rows carry; nothing under the bundled vocabulary."""
    return bytes.fromhex(mark() or "")


def decode_person(row: bytes, n_categories: int) -> Person:
    """Return the person of a row; vectors come under our vocabulary.

    Raises:
        ValueError: the row is cut off, or of another release.
        StateError: nobody knows its vocabulary.
    """
    if not row or row[0] not in {VERSION, MARKED_VERSION}:
        raise ValueError(
            f"a person's row of version {row[:1].hex() or 'none'}: expected "
            f"{MARKED_VERSION} at most; another release wrote it"
        )
    read = _Reader(row, n_categories)
    version, flags, read.n_written, since, active_at, n_unclicked = read.numbers(HEAD)
    if version == MARKED_VERSION:
        read.take_mark()
    placements = read.ids.placements
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
        if number >= len(placements) or kind > _SAME:
            raise ValueError(
                f"a person's row with placement {number}, snapshot {kind}: "
                "another release wrote it"
            )
        snapshot = read.vector() if kind == _OWN else None
        if kind == _SAME and vector is not None:
            snapshot = vector.copy()
        if placements[number] in PLACES:
            person.places[placements[number]] = Place(
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
        self.ids = ids_of(None)
        """Of the vocabulary that wrote this row."""
        self.at = 0

    @property
    def is_ours(self) -> bool:
        """Whether vectors can be read: they have the columns that they should."""
        return (
            self.n_written == len(self.ids.categories)
            and self._n_categories == len(deployed().categories)
        ) or (self.n_written == self._n_categories and self.ids == ids_of(None))

    def take_mark(self) -> None:
        digest = self._take(len(bytes.fromhex(deployed().digest))).hex()
        try:
            self.ids = ids_of(digest)
        except VocabularyError as error:
            raise StateError(f"changelog of requests: {error}") from error

    def numbers(self, layout: struct.Struct) -> tuple[int, ...]:
        return layout.unpack(self._take(layout.size))

    def vector(self) -> Floats | None:
        found = from_bytes(self._take(4 * self.n_written))
        if not self.is_ours or self.ids == deployed().ids:
            return found if self.is_ours else None
        ours = deployed()
        vector: Floats = mapped(
            found, self.ids.categories, ours.categories, ours.maps
        ).astype(np.float32)
        return vector

    def _take(self, n: int) -> bytes:
        content = self._row[self.at : self.at + n]
        if len(content) < n:
            raise ValueError("a person's row is cut off")
        self.at += n
        return content
