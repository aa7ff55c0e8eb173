"""schemas/*.avsc -> the dataclasses of schemas/records.py."""

from collections.abc import Iterator
from typing import Any

from schemas.avro import schema_of
from schemas.records import RECORDS

PLAIN = {
    "string": "str",
    "long": "int",
    "int": "int",
    "double": "float",
    "boolean": "bool",
    "bytes": "bytes",
}
FIRST = "@dataclass(frozen=True, slots=True, kw_only=True)\n"


def dataclasses(text: str) -> str:
    """Return schemas/records.py with a dataclass for each record of the .avsc files.

    What comes before the first dataclass is written by hand: enums and `Record`.
    """
    known: dict[str, str] = {}
    for record in RECORDS:
        _define(schema_of(record), known, "(Record)")
    names = "".join(f"    {record.__name__},\n" for record in RECORDS)
    listed = f"RECORDS: tuple[type[Record], ...] = (\n{names})\n"
    return text[: text.index(FIRST)] + "\n\n".join([*known.values(), listed])


def _define(schema: dict[str, Any], known: dict[str, str], base: str = "") -> None:
    """Add the dataclass of a record, after those of the records inside it."""
    lines = list(_lines(schema, known))
    doc = schema["doc"].split(". Key:")[0].rstrip(".")
    known[schema["name"]] = "\n".join(
        [f'{FIRST}class {schema["name"]}{base}:\n    """{doc}."""\n', *lines, ""]
    )


def _lines(schema: dict[str, Any], known: dict[str, str]) -> Iterator[str]:
    for field in schema["fields"]:
        hint, default = _hint(field["type"], known), ""
        if "default" in field:
            value = field["default"]
            raw = f'b"{value}"' if hint == "bytes" else f'"{value}"'
            default = f" = {raw if isinstance(value, str) else value}"
        yield f"    {field['name']}: {hint}{default}"


def _hint(kind: Any, known: dict[str, str]) -> str:
    match kind:
        case ["null", inner]:
            return f"{_hint(inner, known)} | None"
        case {"type": "array", "items": items}:
            return f"tuple[{_hint(items, known)}, ...]"
        case {"type": "map", "values": values}:
            return f"dict[str, {_hint(values, known)}]"
        case {"type": "enum" | "record", "name": name}:
            if kind["type"] == "record" and name not in known:
                _define(kind, known)
            return str(name)
        case {"type": inner}:
            return _hint(inner, known)
    return PLAIN.get(kind, kind)
