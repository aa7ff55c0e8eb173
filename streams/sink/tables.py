"""Records -> columns of the tables in deploy/clickhouse.

Which columns a record has follows from its class alone: a field is a column, a nested
record's fields carry its name in front (`receipt_arm`), a list of records is a list of
tuples. A test holds the tables to this and this to the .avsc files.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from operator import attrgetter
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from schemas.avro import schema_file, schema_of
from schemas.records import ModelRelease, Record, Text, Verdict
from streams.kafka.topics import TOPICS

META_COLUMNS = ("_topic", "_partition", "_offset")
"""Where a row came from; `_ingested_at` is filled in by ClickHouse."""

TABLES: dict[type[Record], str] = {
    topic.record: schema_file(topic.record).stem
    for topic in TOPICS
    if topic.record is not Text
}
"""Table of each record that is kept; what people wrote (Text) is not."""

GATE_VERDICT = "gate_verdict"
_VERDICT_CONTEXT = ("model_name", "version", "stage", "released_at")

LATEST_INSTANT = 9_000_000_000_000
"""2255: a month partition and a DateTime64(3) take any instant from 1970 to here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRecord(Record):
    """A dead letter as a row: where it came from and why, not what it held."""

    source_topic: str
    source_partition: int
    source_offset: int
    stage: str
    reason: str
    key: str
    n_bytes: int
    digest: str
    failed_at: int


DEAD_LETTER = "dead_letter"


@dataclass(frozen=True, slots=True)
class Row:
    """A record and where it came from."""

    record: Record
    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one table, by column."""

    table: str
    names: tuple[str, ...]
    columns: list[list[Any]]

    @property
    def n_rows(self) -> int:
        """Return the number of rows."""
        return len(self.columns[0])


def blocks_of(rows: Sequence[Row]) -> list[Block]:
    """Return rows of one record type as blocks: one per table that they fill.

    Args:
        rows: at least one; all records of the same type, which is a key of `TABLES` or
            `RefusedRecord`.
    """
    record = type(rows[0].record)
    blocks = [_block(TABLES.get(record, DEAD_LETTER), record, rows)]
    if record is ModelRelease:
        verdicts = _verdict_block(rows)
        if verdicts.n_rows:
            blocks.append(verdicts)
    return blocks


def columns_of(record: type[Record]) -> dict[str, Callable[[Any], Any]]:
    """Return the columns of a record's table, and how each is read from a record."""
    return _COLUMNS[record]


def _columns(record: type[Record]) -> dict[str, Callable[[Any], Any]]:
    hints = get_type_hints(record)
    columns: dict[str, Callable[[Any], Any]] = {}
    for field in fields(record):  # type: ignore[arg-type]  # records are dataclasses
        columns |= _columns_of_field(field.name, hints[field.name])
    return columns


def unrepresentable_instant(record: Record) -> str | None:
    """Return why an instant of `record` fits no column; None when all do."""
    for name in _INSTANTS[type(record)]:
        instant = getattr(record, name)
        if not 0 <= instant < LATEST_INSTANT:
            return f"{name}: expected an instant from 1970 to 2255, got {instant} ms"
    return None


def instant_names(record: type[Record]) -> tuple[str, ...]:
    """Return the instants of a record type; the first is when its fact became true."""
    return _INSTANTS[record]


def instant_of(record: Record) -> int:
    """Return when a record's fact became true: its first instant, epoch ms."""
    if isinstance(record, RefusedRecord):
        return record.failed_at
    instant: int = getattr(record, _INSTANTS[type(record)][0])
    return instant


def person_of(record: Record) -> str | None:
    """Return the user id that a record is about, if any."""
    if isinstance(record, RefusedRecord):
        return record.key
    return getattr(record, "user_id", None)


def _instants(record: type[Record]) -> tuple[str, ...]:
    return tuple(
        field["name"]
        for field in schema_of(record)["fields"]
        if isinstance(field["type"], dict)
        and field["type"].get("logicalType") == "timestamp-millis"
    )


def _columns_of_field(name: str, hint: Any) -> dict[str, Callable[[Any], Any]]:
    inner = [arg for arg in get_args(hint) if arg is not NoneType]
    if is_dataclass(hint):
        return {
            f"{name}_{part.name}": attrgetter(f"{name}.{part.name}")
            for part in fields(hint)
        }
    if get_origin(hint) is tuple:
        if not is_dataclass(inner[0]):
            return {name: _list(name)}
        if inner[0] is Verdict:
            return {}  # rows of their own
        return {name: _tuples(name, inner[0])}
    if inner and is_dataclass(inner[0]):
        return {
            f"{name}_{part.name}": _empty_without(name, part.name)
            for part in fields(inner[0])
        }
    return {name: attrgetter(name)}


def _list(name: str) -> Callable[[Any], Any]:
    return lambda record: list(getattr(record, name))


def _tuples(name: str, item: Any) -> Callable[[Any], Any]:
    parts = attrgetter(*(part.name for part in fields(item)))
    return lambda record: [parts(each) for each in getattr(record, name)]


def _empty_without(name: str, part: str) -> Callable[[Any], Any]:
    """Read a map of a nested record that may be missing: a Map cannot be null."""

    def read(record: Any) -> Any:
        nested = getattr(record, name)
        return {} if nested is None else getattr(nested, part)

    return read


def _block(table: str, record: type[Record], rows: Sequence[Row]) -> Block:
    readers = columns_of(record)
    columns = [[read(row.record) for row in rows] for read in readers.values()]
    return Block(table, (*readers, *META_COLUMNS), columns + _sources(rows))


def _verdict_block(rows: Sequence[Row]) -> Block:
    pairs = [
        (row, verdict)
        for row in rows
        if isinstance(row.record, ModelRelease)
        for verdict in row.record.verdicts
    ]
    parts = [field.name for field in fields(Verdict)]
    columns = [
        [getattr(row.record, name) for row, _ in pairs] for name in _VERDICT_CONTEXT
    ]
    columns += [[getattr(verdict, name) for _, verdict in pairs] for name in parts]
    names = (*_VERDICT_CONTEXT, *parts, *META_COLUMNS)
    return Block(GATE_VERDICT, names, columns + _sources(row for row, _ in pairs))


def _sources(rows: Iterable[Row]) -> list[list[Any]]:
    rows = list(rows)
    return [
        [row.topic for row in rows],
        [row.partition for row in rows],
        [row.offset for row in rows],
    ]


_COLUMNS = {record: _columns(record) for record in (*TABLES, RefusedRecord)}
_INSTANTS = {record: _instants(record) for record in TABLES}
