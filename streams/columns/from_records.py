"""Decoded records -> columns: what came odd goes the way of all the rest."""

import struct
from collections.abc import Sequence
from dataclasses import fields
from functools import cache
from typing import Any, Literal, cast, get_args, get_origin

import numpy as np

from schemas.records import Behavior, Design, Preference, Record, Surface
from schemas.vocabulary import deployed
from streams.columns.changelog import FIELDS, sized, varint
from streams.columns.columns import LENGTH_BITS, Columns
from streams.columns.payload import Payload
from streams.columns.plan import NULL

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


def behavior_columns(records: Sequence[tuple[int, Behavior]]) -> Columns:
    """Return the columns `FOLDED` of (offset, record) pairs in offset order."""
    return record_columns(Behavior, records, FOLDED)


def preference_columns(record: Record) -> Columns:
    """Return one Preference as the columns that `restore` reads."""
    return record_columns(Preference, [(0, record)], FIELDS)


def record_columns(
    kind: type[Record], records: Sequence[tuple[int, Record]], names: Sequence[str]
) -> Columns:
    """Return columns of (offset, record) pairs in offset order.

    Args:
        kind: type of the records, a flat one.
        records: that were admitted.
        names: fields that become slots; user_id among them.
    """
    content = bytearray()
    enums = _enums(cast("Any", kind))
    slots = [
        [_slot(content, _indexed(enums, name, getattr(one, name))) for name in names]
        for _, one in records
    ]
    table = np.array(slots, np.int64).reshape(-1, len(names)).T.copy()
    return Columns(
        payloads=(Payload(bytes(content) or b"\0", len(records), 0, 0),),
        row_starts=np.array([0, len(records)], np.int64),
        offsets=np.array([offset for offset, _ in records], np.int64),
        keys=table[list(names).index("user_id")].copy(),
        slots=table,
        names=tuple(names),
        odd=np.zeros((0, 4), np.int64),
    )


@cache
def _enums(kind: type[Record]) -> dict[str, tuple[Any, ...]]:
    """Return field -> symbols, in the order of the schema, of the enums."""
    found = {}
    for field in fields(cast("Any", kind)):
        for one in (field.type, *get_args(field.type)):
            if get_origin(one) is Literal:
                found[field.name] = get_args(one)
            if one == Surface:
                found[field.name] = deployed().surfaces
    return found


def _indexed(enums: dict[str, tuple[Any, ...]], name: str, value: Any) -> Any:
    is_symbol = name in enums and value is not None
    return enums[name].index(value) if is_symbol else value


_DOUBLE = struct.Struct("<d")


def _map(values: dict[str, bytes]) -> bytes:
    """Return an Avro map in one block."""
    items = (sized(name.encode()) + value for name, value in values.items())
    return b"".join((varint(len(values)), *items, b"\0" if values else b""))


def _slot(content: bytearray, value: Any) -> int:
    """Return what a slot holds; what it spans is added to the content."""
    match value:
        case None:
            return NULL
        case int():
            return int(value)
        case float():
            return int(np.float64(value + 0.0).view(np.int64))
        case str():
            encoded = value.encode()
        case tuple():  # longs: one block, as writers make it
            encoded = b"".join(map(varint, (len(value), *value)))
            encoded += b"\0" if value else b""
        case Design():
            numbers = {k: _DOUBLE.pack(v) for k, v in value.continuous.items()}
            words = {k: sized(v.encode()) for k, v in value.categorical.items()}
            encoded = _map(words) + _map(numbers)
        case _:
            encoded = value
    content.extend(encoded)
    return (len(content) - len(encoded)) << LENGTH_BITS | len(encoded)
