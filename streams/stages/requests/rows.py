"""A person <-> one row in memory, the same for the compiled and the Python path.

Vectors lie apart, in a pool, so that rows are small and only as many snapshots are kept
as there are placements in use.
"""

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from schemas.preference_vector import Floats
from streams.columns.rows import Rows
from streams.stages.requests.state import PLACES, Person, Place

_PLACE = [
    ("requested_at", "<i8"),
    ("n_requests", "<u4"),
    ("unclicked", "<u4"),
    ("snapshot", "<u4"),  # number of the vector; 0: none
    ("used", "u1"),
]

ROW = np.dtype(
    [
        ("since", "<i8"),  # 0: nobody's row, or not judged yet
        ("active_at", "<i8"),
        ("alarm_at", "<i8"),
        ("vector", "<u4"),  # number of the latest one; 0: none
        ("n_unclicked", "<u4"),
        ("consent", "u1"),
        ("is_chinese", "u1"),
        ("has_history", "u1"),
        ("is_pending", "u1"),  # a record of theirs waits for a closer look
        ("dirty", "u1"),
        ("key_start", "<u4"),  # where the user id is
        ("key_length", "<u2"),  # 0: nobody's row
        ("places", _PLACE, (len(PLACES),)),
        ("unused", "u1"),
    ]
)

_PERSON = struct.Struct("<qqqIIBBBB")
"""The fields of a row up to `is_pending`."""
_PLACE_IN_ROW = struct.Struct("<qIIIB")
_PLACES_AT = 43
"""Where the places of a row begin."""

MAX_COUNT = 2**31 - 1
"""Impressions are counted so far."""


def load_person(rows: Rows, pool: Any, number: int) -> Person | None:
    """Return a copy of the person in a row; None when there is nobody yet."""
    memory, at = rows.view(np.uint8).data, number * ROW.itemsize
    since, active_at, alarm_at, vector, n_unclicked, consent, zh, has_history, _ = (
        _PERSON.unpack_from(memory, at)
    )
    if not since:
        return None
    places = {}
    for name, place_at in _places(at):
        place = _PLACE_IN_ROW.unpack_from(memory, place_at)
        requested_at, n_requests, unclicked, snapshot, is_used = place
        if is_used:
            places[name] = Place(
                n_requests, requested_at, unclicked, _read(pool, snapshot)
            )
    return Person(
        since=since,
        active_at=active_at,
        consent=bool(consent),
        language="zh" if zh else "en",
        vector=_read(pool, vector),
        has_history=bool(has_history),
        n_unclicked=n_unclicked,
        places=places,
        alarm_at=alarm_at,
    )


def store_person(rows: Rows, pool: Any, number: int, person: Person) -> None:
    """Put a person into a row; no record of theirs waits from now on."""
    memory, at = rows.view(np.uint8).data, number * ROW.itemsize
    vector = _PERSON.unpack_from(memory, at)[3]
    _PERSON.pack_into(
        memory,
        at,
        person.since,
        person.active_at,
        person.alarm_at,
        _write(pool, vector, person.vector),
        person.n_unclicked,
        person.consent,
        person.language == "zh",
        person.has_history,
        0,
    )
    for name, place_at in _places(at):
        place = person.places.get(name)
        if place is None:
            continue
        snapshot = _PLACE_IN_ROW.unpack_from(memory, place_at)[3]
        _PLACE_IN_ROW.pack_into(
            memory,
            place_at,
            place.requested_at,
            place.n_requests,
            place.unclicked,
            _write(pool, snapshot, place.snapshot),
            1,
        )


def _places(at: int) -> Iterator[tuple[str, int]]:
    for i, name in enumerate(PLACES):
        yield name, at + _PLACES_AT + i * _PLACE_IN_ROW.size


def _read(pool: Any, number: int) -> Floats | None:
    return pool.read(number) if number else None


def _write(pool: Any, number: int, vector: Floats | None) -> int:
    """Keep a vector under a number of the pool, a new one for 0; None frees it."""
    if vector is None or len(vector) != pool.n_categories:
        pool.give(number)
        return 0
    number = number or pool.take()
    pool.write(number, vector)
    return number
