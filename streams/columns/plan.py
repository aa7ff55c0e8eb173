"""Writer schema, reader schema -> the steps that decode one flat record into slots.

A plan is data: the compiled and the pure decoder walk the same steps. It covers records
whose fields are primitives, enums, arrays of longs, designs (a map of strings and one
of doubles) and unions of one of them with null.
A writer schema that needs more has no plan, and its records are decoded one by one.

A plan is stricter than Avro: what it does not recognise as ordinary (`Step.check`, the
bounds) is *odd*, and odd records are decoded and judged by the codec. So a plan may
refuse a good record, and never lets through what the codec or the admission refuses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

NULL = -(2**63)
"""Slot value of null."""

NO_BOUND = 2**63 - 1


class Op(IntEnum):
    """What a step reads."""

    LONG = 0
    STRING = 1
    BYTES = 2
    BOOLEAN = 3
    DOUBLE = 4
    ENUM = 5
    LONGS = 6
    DESIGN = 7
    """A record of a map of strings and a map of doubles; its span is all of it."""


class Check(IntEnum):
    """What makes a value of a step ordinary."""

    NONE = 0
    """Not a field of the reader: only its length matters."""
    TEXT = 1
    """Valid UTF-8 of at most `limit` characters."""
    NAME = 2
    """The same, without control characters; empty only where null is possible."""
    USER = 3
    """A name that cannot be an e-mail address or a telephone number."""
    INSTANT = 4
    """Milliseconds from `low` to `high` after now."""
    RANGE = 5
    """A number from `low` to `high`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a field may hold; the bounds are inclusive."""

    check: Check
    limit: int = 0
    low: float = -NO_BOUND
    high: float = NO_BOUND


@dataclass(frozen=True, slots=True)
class Step:
    """One field of the writer, in its order."""

    op: Op
    null_branch: int
    """Branch of the union that is null; -1 when the field is not a union."""
    slot: int
    """Row of `Columns.slots` that the value goes to; -1: nowhere."""
    limits: Limits
    symbols: tuple[int, ...] = ()
    """Enum: the reader's index of each of the writer's symbols; -1: not known."""


@dataclass(frozen=True, slots=True)
class DecodePlan:
    """How messages of one writer schema become slots."""

    schema_id: int
    steps: tuple[Step, ...]
    names: tuple[str, ...]
    """Field names of the slots."""
    key_slot: int = -1
    """Slot that must equal the message key; -1: none."""
    missing: tuple[int, ...] = field(default=())
    """Slots that this writer does not have: they are null."""


_PRIMITIVES = {
    "long": Op.LONG,
    "int": Op.LONG,
    "string": Op.STRING,
    "bytes": Op.BYTES,
    "boolean": Op.BOOLEAN,
    "double": Op.DOUBLE,
}


def compile_plan(
    schema_id: int,
    writer: Mapping[str, Any],
    reader: Mapping[str, Any],
    wanted: Sequence[str],
    limits: Mapping[str, Limits],
    key: str | None = None,
) -> DecodePlan | None:
    """Return the plan of a writer schema, or None when it needs the codec.

    Args:
        schema_id: id that the writer's messages carry.
        writer: parsed Avro schema (JSON) of the writer.
        reader: parsed Avro schema of ours.
        wanted: fields of the reader that get a slot, in slot order.
        limits: of the reader's fields; a string without any may be 2**31 long.
        key: field that must equal the message key.
    """
    ours = {one["name"]: one for one in reader["fields"]}
    steps = []
    for theirs in writer["fields"]:
        name = theirs["name"]
        shape = _shape(theirs["type"])
        if shape is None:
            return None
        mine = _shape(ours[name]["type"]) if name in ours else None
        if name in ours and not _readable(shape, mine):
            return None
        steps.append(
            Step(
                op=shape.op,
                null_branch=shape.null_branch,
                slot=wanted.index(name) if name in wanted else -1,
                limits=limits.get(name, _any(shape)) if mine else Limits(Check.NONE),
                symbols=_mapping(shape, mine),
            )
        )
    written = {one["name"] for one in writer["fields"]}
    missing = [name for name in ours if name not in written]
    if any(ours[name].get("default", "") is not None for name in missing):
        return None  # a default that is not null: the codec knows it
    return DecodePlan(
        schema_id=schema_id,
        steps=tuple(steps),
        names=tuple(wanted),
        key_slot=wanted.index(key) if key in wanted else -1,
        missing=tuple(i for i, name in enumerate(wanted) if name in missing),
    )


@dataclass(frozen=True, slots=True)
class _Shape:
    op: Op
    null_branch: int
    symbols: tuple[str, ...] = ()
    """Of an enum; of a design, the names of its maps."""


def _shape(schema: Any) -> _Shape | None:
    """Return what a field's schema is, or None when a plan cannot say."""
    if isinstance(schema, str):
        op = _PRIMITIVES.get(schema)
        return None if op is None else _Shape(op, -1)
    if isinstance(schema, list):
        return _optional(schema)
    if schema["type"] == "enum":
        return _Shape(Op.ENUM, -1, tuple(schema["symbols"]))
    if schema["type"] == "array":
        return _Shape(Op.LONGS, -1) if schema["items"] in ("long", "int") else None
    if schema["type"] == "record":
        return _design(schema["fields"])
    return _shape(schema["type"])


def _design(fields: Sequence[Mapping[str, Any]]) -> _Shape | None:
    """Return the shape of a record of a map of strings and a map of doubles."""
    kinds = [one["type"] for one in fields]
    if not all(isinstance(kind, dict) and kind["type"] == "map" for kind in kinds):
        return None
    if [kind["values"] for kind in kinds] != ["string", "double"]:
        return None
    return _Shape(Op.DESIGN, -1, tuple(one["name"] for one in fields))


def _optional(branches: list[Any]) -> _Shape | None:
    if len(branches) != 2 or "null" not in branches:  # noqa: PLR2004 - x or null
        return None
    null = branches.index("null")
    inner = _shape(branches[1 - null])
    if inner is None or inner.null_branch >= 0:
        return None
    return _Shape(inner.op, null, inner.symbols)


def _readable(theirs: _Shape, mine: _Shape | None) -> bool:
    """Return whether the reader takes this without conversion."""
    if mine is None or theirs.op != mine.op:
        return False
    if theirs.op is Op.DESIGN and theirs.symbols != mine.symbols:
        return False
    return theirs.null_branch < 0 or mine.null_branch >= 0


def _mapping(theirs: _Shape, mine: _Shape | None) -> tuple[int, ...]:
    if theirs.op is not Op.ENUM:
        return ()
    known = mine.symbols if mine else ()
    return tuple(
        known.index(symbol) if symbol in known else -1 for symbol in theirs.symbols
    )


def _any(shape: _Shape) -> Limits:
    if shape.op is Op.STRING:
        return Limits(Check.TEXT, limit=2**31 - 1)
    if shape.op is Op.ENUM:
        return Limits(Check.RANGE)  # a symbol of ours: the codec refuses newer ones
    return Limits(Check.NONE)
