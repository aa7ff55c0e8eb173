"""Record <-> bytes: Avro in Confluent framing, with a bounded decode.

Framing: one zero byte, the writer schema's id as a big-endian uint32, the Avro body
(Confluent, "Schema Registry wire format"). Writer schemas come from `schemas.lock` or
from a registry, never from the message, so hostile bytes cannot bring a schema along.
"""

import json
import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from types import NoneType
from typing import (
    Any,
    Generic,
    Protocol,
    TypeVar,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

import fastavro

from schemas.records import Record
from schemas.vocabulary import deployed

MAX_BYTES = 256 * 1024
"""Longest message that is decoded, in bytes."""

FOLDER = Path(__file__).parent

_FRAME = struct.Struct(">bI")

R = TypeVar("R", bound=Record)


class AvroError(ValueError):
    """Bytes that are not a record of the contract; says what was expected."""


class SchemaIds(Protocol):
    """Where schema ids come from: the lock file, or a registry."""

    def id_of(self, record: type[Record]) -> int:
        """Return the id under which `record` is written."""

    def writer_schema(self, record: type[Record], schema_id: int) -> dict[str, Any]:
        """Return the version of `record`'s schema with that id.

        Raises:
            AvroError: the id is not one of this record's versions.
        """


def schema_file(record: type[Record]) -> Path:
    """Return the path of the .avsc that is the source of truth for `record`."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", record.__name__).lower()
    return FOLDER / f"{name.replace('fine_tune', 'finetune')}.avsc"


def pinned_schema_of(record: type[Record]) -> dict[str, Any]:
    """Return the current schema of `record` as its .avsc has it."""
    schema: dict[str, Any] = json.loads(schema_file(record).read_text("utf-8"))
    return schema


def schema_of(record: type[Record]) -> dict[str, Any]:
    """Return the current schema of `record`, with the surfaces of the deployment."""
    schema: dict[str, Any] = with_surfaces(
        pinned_schema_of(record), deployed().surfaces
    )
    return schema


def with_surfaces(schema: Any, surfaces: Sequence[str]) -> Any:
    """Return a schema whose enum of surfaces has these symbols."""
    if isinstance(schema, list):
        return [with_surfaces(part, surfaces) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {name: with_surfaces(part, surfaces) for name, part in schema.items()}
    if parts.get("type") == "enum" and parts.get("name") == "Surface":
        parts["symbols"] = list(surfaces)
    return parts


class Codec(Generic[R]):
    """Encodes and decodes one kind of record.

    >>> from schemas.lock import LockedIds
    >>> from schemas.records import FineTuneJob
    >>> codec = Codec(FineTuneJob, LockedIds())
    >>> job = FineTuneJob(job_id="j", model_name="m", base_version=1, reason="count",
    ...                   ranges=(), n_examples=0, seed=0, created_at=0)
    >>> codec.decode(codec.encode(job)) == job
    True
    """

    def __init__(self, record: type[R], ids: SchemaIds) -> None:
        self.record = record
        self.ids = ids
        self._schema = _parse(schema_of(record))
        self._writers: dict[int, Any] = {}
        self._build = _builder(record)
        self.frame = _FRAME.pack(0, ids.id_of(record))
        """What every message written here begins with."""

    def encode(self, value: R) -> bytes:
        """Return `value` framed.

        Raises:
            AvroError: a field does not fit the schema.
        """
        out = BytesIO()
        out.write(self.frame)
        try:
            fastavro.schemaless_writer(out, self._schema, _plain(value))
        except (ValueError, TypeError, OverflowError, AttributeError) as error:
            raise AvroError(
                f"{self.record.__name__} cannot be encoded: {error}"
            ) from error
        return out.getvalue()

    def decode(self, message: bytes) -> R:
        """Return the record in a framed message.

        Raises:
            AvroError: too long, badly framed, of an unknown schema, or truncated.
        """
        return cast(R, self._build(self.decode_fields(message)))

    def decode_fields(self, message: bytes) -> dict[str, Any]:
        """Like `decode`, but return a plain dict of the fields (the hot path)."""
        name = self.record.__name__
        if len(message) > MAX_BYTES:
            raise AvroError(f"{name} of {len(message)} bytes: expected <= {MAX_BYTES}")
        if len(message) < _FRAME.size or message[0] != 0:
            raise AvroError(
                f"not a framed {name}: expected a zero byte and a schema id, "
                f"got {message[: _FRAME.size].hex() or 'nothing'}"
            )
        schema_id = int.from_bytes(message[1:5], "big")
        writer = self._writers.get(schema_id)
        if writer is None:
            writer = _parse(self.ids.writer_schema(self.record, schema_id))
            self._writers[schema_id] = writer
        reader = None if writer == self._schema else self._schema
        body = BytesIO(message)
        body.seek(_FRAME.size)
        try:
            read = fastavro.schemaless_reader(body, writer, reader)
        # fastavro answers hostile bytes with whatever the failing line raised.
        except Exception as error:
            raise AvroError(
                f"{name} (schema {schema_id}) is truncated or malformed: {error!r}"
            ) from error
        if body.tell() != len(message):
            raise AvroError(f"{name}: {len(message) - body.tell()} bytes too many")
        return cast(dict[str, Any], read)


def _parse(schema: dict[str, Any]) -> Any:
    """Parse a schema, dropping logical types: instants stay integers, same bytes."""
    return fastavro.parse_schema(_without_logical_types(schema), named_schemas={})


def _without_logical_types(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            key: _without_logical_types(value)
            for key, value in schema.items()
            if key not in ("logicalType", "doc")
        }
    if isinstance(schema, list):
        return [_without_logical_types(part) for part in schema]
    return schema


def _plain(value: Any) -> Any:
    """Return dataclasses as dicts and tuples as lists, all the way down."""
    if is_dataclass(value):
        kind: Any = type(value)
        return {name: _plain(getattr(value, name)) for name in _names(kind)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


@cache
def _names(record: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(record))


def _builder(kind: Any) -> Callable[[Any], Any]:
    """Return what turns a decoded Avro value into the Python type `kind`."""
    if get_origin(kind) is tuple:
        item = _builder(get_args(kind)[0])
        return lambda values: tuple(map(item, values))
    if not is_dataclass(kind):
        inner = [arg for arg in get_args(kind) if arg is not NoneType]
        if len(inner) == 1 and is_dataclass(inner[0]):
            build = _builder(inner[0])
            return lambda value: None if value is None else build(value)
        return _same
    nested = {
        name: build
        for name, hint in get_type_hints(kind).items()
        if (build := _builder(hint)) is not _same
    }
    make: Any = kind
    return lambda values: make(
        **{**values, **{name: build(values[name]) for name, build in nested.items()}}
    )


def _same(value: Any) -> Any:
    return value
