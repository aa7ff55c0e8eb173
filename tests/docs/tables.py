"""Code -> the tables of docs/topics.md, settings.md, privacy.md and vocabulary.md.

`make generate` writes them between their markers; `test_generated` fails when a table
is not what the code says.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from schemas.avro import schema_of
from schemas.records import RECORDS
from schemas.vocabulary import bundled
from streams.kafka.topic_admin import specs
from streams.kafka.topics import TOPICS
from streams.settings import KafkaSettings, Settings

NAMES = ("topics.md", "settings.md", "privacy.md", "vocabulary.md")
DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = tuple(DOCS / name for name in NAMES)
_LINES = re.MULTILINE
_DAY_MS = 86_400_000
_BLOCK = re.compile(r"<!-- (\w+): (\w+) -->\n.*?<!-- end -->", re.DOTALL)


def rewritten(text: str) -> str:
    """Return a page with every table between markers as the code says."""
    return _BLOCK.sub(lambda found: _block(found[1], found[2]), text)


def _block(kind: str, name: str) -> str:
    table = _TABLES[kind](name)
    return f"<!-- {kind}: {name} -->\n{table}\n<!-- end -->"


def fields_table(name: str) -> str:
    """Return the table of a record's fields."""
    (record,) = (record for record in RECORDS if record.__name__ == name)
    rows = [
        f"| `{path}` | {shown} | {doc} |"
        for path, shown, doc in _fields(schema_of(record), "", {})
    ]
    return "\n".join(["| field | type | meaning |", "| --- | --- | --- |", *rows])


def _fields(
    schema: dict[str, Any], prefix: str, known: dict[str, Any]
) -> Iterator[tuple[str, str, str]]:
    for field in schema["fields"]:
        path = prefix + field["name"]
        yield path, _type(field["type"], known), field["doc"]
        inner, suffix = _record_in(field["type"], known)
        if inner:
            yield from _fields(inner, f"{path}{suffix}.", known)


def _record_in(kind: Any, known: dict[str, Any]) -> tuple[dict[str, Any], str]:
    if isinstance(kind, list):
        (kind,) = (branch for branch in kind if branch != "null")
    if isinstance(kind, str):
        kind = known.get(kind, kind)
    if isinstance(kind, dict) and kind["type"] == "array":
        return _record_in(kind["items"], known)[0], "[]"
    if isinstance(kind, dict) and kind["type"] == "record":
        return kind, ""
    return {}, ""


def _type(kind: Any, known: dict[str, Any]) -> str:
    if isinstance(kind, list):
        shown = [_type(branch, known) for branch in kind if branch != "null"]
        return f"{' or '.join(shown)}, or null"
    if isinstance(kind, str):
        return _type(known[kind], known) if kind in known else kind
    if "name" in kind:
        known[kind["name"]] = kind
    return _complex_type(kind, known)


def _complex_type(kind: dict[str, Any], known: dict[str, Any]) -> str:
    match kind["type"]:
        case "enum":
            return ", ".join(f"`{symbol}`" for symbol in kind["symbols"])
        case "array":
            return f"list of {_type(kind['items'], known)}"
        case "map":
            return f"map of {_type(kind['values'], known)}"
        case "record":
            return str(kind["name"])
    logical = kind.get("logicalType")
    return f"{kind['type']} ({logical})" if logical else str(kind["type"])


def topics_table(_: str) -> str:
    """Return the table of all topics."""
    made = {spec.name: spec for spec in specs(KafkaSettings())}
    rows = []
    for topic in TOPICS:
        config = made[topic.name].config
        days = int(config.get("retention.ms", "0")) // _DAY_MS
        kept = ["the newest of each key"] if topic.compacted else []
        kept += [f"{days} days"] if days else []
        key = topic.key.replace("|", "\\|")
        rows.append(
            f"| `{topic.name}` | {topic.record.__name__} | {key} | "
            f"{topic.produced_by} | {', '.join(kept)} | "
            f"{'1' if topic.single_partition else 'as set'} |"
        )
    head = "| topic | record | key | produced by | kept | partitions |"
    return "\n".join([head, "| --- | --- | --- | --- | --- | --- |", *rows])


def settings_table(section: str) -> str:
    """Return the table of a section's settings; `top` is those without a section."""
    if section == "top":
        rows = [
            _setting(name, str(field.validation_alias), field)
            for name, field in Settings.model_fields.items()
            if not _is_section(field)
        ]
    else:
        inner = Settings.model_fields[section].annotation
        assert inner is not None
        rows = [
            _setting(f"{section}.{name}", f"ADLOOM_{section}__{name}".upper(), field)
            for name, field in inner.model_fields.items()
        ]
    head = "| setting | variable | type | default | meaning |"
    return "\n".join([head, "| --- | --- | --- | --- | --- |", *rows])


def sections() -> list[str]:
    """Return the names of all sections of the settings."""
    return [name for name, field in Settings.model_fields.items() if _is_section(field)]


def _is_section(field: FieldInfo) -> bool:
    kind = field.annotation
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _setting(name: str, variable: str, field: FieldInfo) -> str:
    meaning = field.description or ""
    shown = _default(field.get_default(call_default_factory=True))
    limits = _limits(field)
    kind = _kind(field.annotation) + (f", {limits}" if limits else "")
    return f"| `{name}` | `{variable}` | {kind} | {shown} | {meaning} |"


def _default(value: Any) -> str:
    if value in ("", None):
        return "empty"
    if isinstance(value, tuple):
        return f"`{json.dumps(value)}`"
    return f"`{value}`"


def _kind(kind: Any) -> str:
    origin = get_origin(kind)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in get_args(kind))
    if origin in (Union, UnionType):
        return " or ".join(_kind(part) for part in get_args(kind) if part != NoneType)
    if origin is tuple:
        return f"list of {_kind(get_args(kind)[0])}"
    names = {int: "integer", float: "number", str: "text", Path: "path", bool: "yes/no"}
    return names[kind]


def _limits(field: FieldInfo) -> str:
    words = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    return ", ".join(
        f"{sign} {getattr(limit, name)}"
        for limit in field.metadata
        for name, sign in words.items()
        if hasattr(limit, name)
    )


def retention_table(_: str) -> str:
    """Return how long each ClickHouse table keeps its rows."""
    files = sorted((DOCS.parent / "deploy" / "clickhouse").glob("*.sql"))
    text = "\n".join(file.read_text("utf-8") for file in files)
    rows = []
    for statement in re.split(r"CREATE TABLE IF NOT EXISTS ", text)[1:]:
        name = statement.split()[0]
        row = re.search(r"^TTL .*INTERVAL (\d+) MONTH", statement, _LINES)
        kept = f"{row[1]} months" if row else "for good"
        for column in re.finditer(
            r"^ .*TTL .*INTERVAL (\d+) MONTH,$", statement, _LINES
        ):
            named = re.findall(r"^    (\w+) ", statement[: column.start()], _LINES)
            kept += f"; `{named[-1]}` {column[1]} months"
        rows.append(f"| `{name}` | {kept} |")
    return "\n".join(["| table | rows are kept |", "| --- | --- |", *rows])


def vocabulary_table(part: str) -> str:
    """Return a table of the bundled vocabulary: its columns are those of `show`."""
    heads = {
        "categories": "| column | id | names | group |",
        "placements": "| id | surface |",
        "sizes": "| id | width x height, px | surfaces |",
        "languages": "| id | name |",
    }
    found = bundled()
    rows: dict[str, list[str]] = {
        "categories": [
            f"| {column} | `{name}` | {', '.join(found.names[name].values())} | "
            f"{', '.join(found.lineage(name))} |"
            for column, name in enumerate(found.categories)
        ],
        "placements": [
            f"| `{one.name}` | `{one.surface}` |" for one in found.placements.values()
        ],
        "sizes": [
            f"| `{size.id}` | {size.width_px} x {size.height_px} | "
            f"{', '.join(size.surfaces)} |"
            for size in found.sizes.values()
        ],
        "languages": [f"| `{n}` | {said} |" for n, said in found.languages.items()],
    }
    head = heads[part]
    return "\n".join([head, "| --- " * (head.count("|") - 1) + "|", *rows[part]])


_TABLES: dict[str, Callable[[str], str]] = {
    "fields": fields_table,
    "topics": topics_table,
    "settings": settings_table,
    "retention": retention_table,
    "vocabulary": vocabulary_table,
}
