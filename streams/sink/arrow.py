"""Columns of a flat record -> an Arrow record batch with the columns of its table."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.avro import schema_of
from schemas.records import Record
from streams.columns.columns import Columns, Ints
from streams.columns.plan import NULL
from streams.columns.strings import gather
from streams.kafka.fetched import TP
from streams.sink.designs import design_map
from streams.sink.tables import META_COLUMNS

INSTANT = pa.timestamp("ms", "UTC")

LOW_CARDINALITY = frozenset(
    (
        "placement",
        "category",
        "user_agent",
        "language",
        "region",
        "age_band",
        "device",
        "arm",
        "model_name",
        "vocabulary",
    )
)
"""Strings that the tables keep as LowCardinality: each value is copied once a batch."""

_CONTINUED = 128

_Build = Callable[[Columns, Ints], Any]
"""(columns, slot [n]) -> Arrow array [n]; null where the slot is."""


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the table, as it is built from the slot of a field."""

    field: str
    name: str
    build: _Build


class ArrowColumns:
    """Turns decoded columns of one flat record into Arrow.

    Enums and strings of few values are dictionaries, as LowCardinality is in
    ClickHouse; other strings and bytes are copied once, from the record batch.

    Args:
        record: its fields are primitives, enums, arrays of longs, designs, or one of
            them or null.
    """

    def __init__(self, record: type[Record]) -> None:
        fields = schema_of(record)["fields"]
        self.names: tuple[str, ...] = tuple(field["name"] for field in fields)
        """The fields, in the order of the schema."""
        self._columns = [
            column for one in fields for column in _columns(one["name"], one["type"])
        ]

    def batch(self, columns: Columns, tp: TP) -> pa.RecordBatch:
        """Return the rows of one partition, and where each came from."""
        n = len(columns)
        arrays = [one.build(columns, columns.slot(one.field)) for one in self._columns]
        names = [one.name for one in self._columns]
        topic = pa.DictionaryArray.from_arrays(np.zeros(n, np.int8), [tp.topic])
        partition = np.full(n, tp.partition, np.int32)
        # Arrow keeps what it is given: a view would hold all decoded columns.
        arrays += [topic, pa.array(partition), pa.array(columns.offsets.copy())]
        return pa.RecordBatch.from_arrays(arrays, names=[*names, *META_COLUMNS])


def _columns(field: str, schema: Any) -> list[_Column]:
    """Return the columns of a field: one, or one for each map of a design."""
    inner = _not_null(schema)
    if isinstance(inner, dict) and inner["type"] == "record":
        return [
            _Column(field, f"{field}_{part['name']}", partial(design_map, which))
            for which, part in enumerate(inner["fields"])
        ]
    return [_Column(field, field, _encoded(field, _builder(inner)))]


def _not_null(schema: Any) -> Any:
    if isinstance(schema, list):
        (schema,) = [branch for branch in schema if branch != "null"]
    return schema


def _encoded(name: str, build: _Build) -> _Build:
    if name not in LOW_CARDINALITY:
        return build
    return lambda columns, slot: build(columns, slot).dictionary_encode()


def _builder(schema: Any) -> _Build:
    """Return what builds the Arrow array of a field."""
    if not isinstance(schema, dict):
        return _BUILDERS[schema]
    if schema.get("logicalType") == "timestamp-millis":
        return _numbers(np.dtype(np.int64), INSTANT)
    if schema["type"] == "enum":
        return _symbols(schema["symbols"])
    if schema["type"] == "array":
        return _longs
    return _builder(schema["type"])


def _numbers(dtype: np.dtype[Any], kind: Any) -> _Build:
    def build(_: Columns, slot: Ints) -> Any:
        return pa.array(slot.astype(dtype), kind, mask=_nulls(slot))

    return build


def _doubles(_: Columns, slot: Ints) -> Any:
    return pa.array(slot.view(np.float64).copy(), mask=_nulls(slot))


def _symbols(symbols: list[str]) -> _Build:
    dictionary = pa.array(symbols)

    def build(_: Columns, slot: Ints) -> Any:
        nulls = _nulls(slot)
        indices = slot if nulls is None else np.where(nulls, 0, slot)
        return pa.DictionaryArray.from_arrays(
            pa.array(indices.astype(np.int8), mask=nulls), dictionary
        )

    return build


def _spans(kind: Any) -> _Build:
    def build(columns: Columns, slot: Ints) -> Any:
        offsets, content = gather(columns.payloads, columns.row_starts, slot)
        nulls = _nulls(slot)
        buffers = [_bitmap(nulls), pa.py_buffer(offsets), pa.py_buffer(content)]
        return pa.Array.from_buffers(kind, len(slot), buffers)

    return build


def _longs(columns: Columns, slot: Ints) -> Any:
    """Build lists of longs: each is one Avro block, a count, its items and a zero."""
    offsets, content = gather(columns.payloads, columns.row_starts, slot)
    bounds, raw = offsets.tolist(), content.tobytes()
    known: dict[bytes, list[int]] = {}  # few: they are settings of the writer
    lists = []
    for start, end in pairwise(bounds):
        block = raw[start:end]
        if block not in known:
            known[block] = _varints(block)[1:-1]
        lists.append(known[block])
    return pa.array(lists, pa.list_(pa.int64()))


def _varints(block: bytes) -> list[int]:
    found, bits, shift = [], 0, 0
    for byte in block:
        bits |= (byte & ~_CONTINUED) << shift
        shift += 7
        if byte < _CONTINUED:
            found.append(bits >> 1 ^ -(bits & 1))
            bits = shift = 0
    return found


def _nulls(slot: Ints) -> npt.NDArray[np.bool_] | None:
    nulls: npt.NDArray[np.bool_] = slot == NULL
    return nulls if nulls.any() else None


def _bitmap(nulls: npt.NDArray[np.bool_] | None) -> Any:
    """Return Arrow's validity bitmap: a bit is set where there is a value."""
    if nulls is None:
        return None
    return pa.py_buffer(np.packbits(~nulls, bitorder="little"))


_BUILDERS: dict[str, _Build] = {
    "string": _spans(pa.string()),
    "bytes": _spans(pa.binary()),
    "long": _numbers(np.dtype(np.int64), pa.int64()),
    "int": _numbers(np.dtype(np.int32), pa.int32()),
    "boolean": _numbers(np.dtype(np.bool_), pa.bool_()),
    "double": _doubles,
}
