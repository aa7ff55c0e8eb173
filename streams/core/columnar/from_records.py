"""Decoded records -> columns: what came odd goes the way of all the rest."""

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np

from schemas.records import Behavior, Preference, Surface
from streams.core.columnar.changelog import FIELDS, varint
from streams.core.columnar.columns import LENGTH_BITS, Columns
from streams.core.columnar.payload import Payload
from streams.core.columnar.plan import NULL
from streams.core.columnar.rules import KINDS

FOLDED = (
    "event_id",
    "user_id",
    "kind",
    "occurred_at",
    "surface",
    "category",
    "consent",
)
"""Fields of Behavior that the fold reads."""

_SURFACES: tuple[str, ...] = get_args(Surface)


def behavior_columns(records: Sequence[tuple[int, Behavior]]) -> Columns:
    """Return the columns `FOLDED` of (offset, record) pairs in offset order."""
    content = bytearray()
    slots = [
        [
            _slot(content, one.event_id),
            _slot(content, one.user_id),
            KINDS.index(one.kind),
            one.occurred_at,
            NULL if one.surface is None else _SURFACES.index(one.surface),
            _slot(content, one.category),
            int(one.consent),
        ]
        for _, one in records
    ]
    offsets = [offset for offset, _ in records]
    return _columns(content, offsets, slots, FOLDED, FOLDED.index("user_id"))


def preference_columns(record: Preference) -> Columns:
    """Return one Preference as the columns that `restore` reads."""
    content = bytearray()
    slots = [_slot(content, getattr(record, name)) for name in FIELDS]
    return _columns(content, [0], [slots], FIELDS, FIELDS.index("user_id"))


def _slot(content: bytearray, value: Any) -> int:
    """Return what a slot holds; what it spans is added to the content."""
    match value:
        case None:
            return NULL
        case int():
            return int(value)
        case str():
            encoded = value.encode()
        case tuple():  # longs: one block, as writers make it
            encoded = b"".join(map(varint, (len(value), *value)))
            encoded += b"\0" if value else b""
        case _:
            encoded = value
    content.extend(encoded)
    return (len(content) - len(encoded)) << LENGTH_BITS | len(encoded)


def _columns(
    content: bytearray,
    offsets: list[int],
    slots: list[list[int]],
    names: tuple[str, ...],
    key: int,
) -> Columns:
    table = np.array(slots, np.int64).reshape(-1, len(names)).T.copy()
    n = len(offsets)
    return Columns(
        payloads=(Payload(bytes(content) or b"\0", n, 0, 0),),
        row_starts=np.array([0, n], np.int64),
        offsets=np.array(offsets, np.int64),
        keys=table[key].copy(),
        slots=table,
        names=names,
        odd=np.zeros((0, 4), np.int64),
    )
