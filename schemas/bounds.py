"""A writer schema from outside -> the reason why decoding it has no bound, or none.

A message is at most `schemas.avro.MAX_BYTES` long, and that bounds what it decodes to
only while every array item takes at least one byte and no record holds itself: five
bytes of `array<null>` decode to millions of items, and 10 kB of a recursive record
overflow the C stack of fastavro.
"""

from typing import Any

_PRIMITIVES = frozenset(
    ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
)


def unbounded(schema: Any) -> str | None:
    """Return why messages of `schema` may decode to any size; None when they cannot.

    Args:
        schema: a parsed schema (JSON); names are looked up as they are written.
    """
    try:
        _smallest(schema, {}, ())
    except _UnboundedError as error:
        return str(error)
    except RecursionError:
        return "it is nested too deeply"
    return None


class _UnboundedError(Exception):
    """Decoding has no bound."""


def _smallest(schema: Any, known: dict[str, int], inside: tuple[str, ...]) -> int:
    """Return the least bytes of one value; `inside` names the records around it."""
    if isinstance(schema, str):
        return _smallest_named(schema, known, inside)
    if isinstance(schema, list):
        return 1 + min(
            (_smallest(branch, known, inside) for branch in schema), default=0
        )
    if not isinstance(schema, dict):
        raise _UnboundedError(f"{schema!r} is no schema")
    kind = schema.get("type")
    if kind in ("array", "map"):
        return _smallest_of_many(kind, schema, known, inside)
    if kind == "record":
        return _smallest_record(schema, known, inside)
    if kind in ("enum", "fixed"):
        size = 1 if kind == "enum" else int(schema.get("size", 0))
        return _named(schema, size, known)
    return _smallest(kind, known, inside)


def _smallest_named(name: str, known: dict[str, int], inside: tuple[str, ...]) -> int:
    short = name.rpartition(".")[2]
    if short in _PRIMITIVES:
        return 0 if short == "null" else 1
    if short in inside:
        raise _UnboundedError(f"record {short} holds itself")
    if short not in known:
        raise _UnboundedError(f"{name} is not defined before its use")
    return known[short]


def _smallest_of_many(
    kind: str, schema: dict[str, Any], known: dict[str, int], inside: tuple[str, ...]
) -> int:
    items = schema.get("items" if kind == "array" else "values")
    if _smallest(items, known, inside) == 0 and kind == "array":
        raise _UnboundedError(f"items of array<{items}> take no bytes")
    return 1


def _smallest_record(
    schema: dict[str, Any], known: dict[str, int], inside: tuple[str, ...]
) -> int:
    name = str(schema.get("name")).rpartition(".")[2]
    size = sum(
        _smallest(field.get("type"), known, (*inside, name))
        for field in schema.get("fields", [])
    )
    return _named(schema, size, known)


def _named(schema: dict[str, Any], size: int, known: dict[str, int]) -> int:
    """Note the size under the short name; of two with one name, the smaller counts."""
    name = str(schema.get("name")).rpartition(".")[2]
    known[name] = min(size, known.get(name, size))
    return size
