"""Schema ids from a registry: Confluent, Karapace or Apicurio (ccompat), over REST.

Subjects follow TopicNameStrategy, `<topic>-value`, at BACKWARD_TRANSITIVE. A registry
that does not answer raises `SchemaRegistryError`, which is not an `AvroError`: the
record is not to blame and must not become a dead letter.
"""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import fastavro

from schemas.avro import AvroError, schema_of
from schemas.bounds import unbounded
from schemas.records import Record
from schemas.registry_client import RegistryClient, SchemaRegistryError

COMPATIBILITY = "BACKWARD_TRANSITIVE"

_UNKNOWN_S = 30.0
"""How long an unknown id stays unknown before the registry is asked again."""

_MAX_UNKNOWN = 1_000
_NOT_FOUND = 404
_CONFLICT = 409


class RegistryIds:
    """Schema ids from a registry; asks once for each id.

    Args:
        client: the registry.
        subjects: the subject of each record, for example `ads.text.v1-value`.
        register: register a schema that is missing; False only looks it up, for
            places where a pipeline registers schemas.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        client: RegistryClient,
        subjects: Mapping[type[Record], str],
        *,
        register: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._subjects = subjects
        self._register = register
        self._clock = clock
        self._ids: dict[type[Record], int] = {}
        self._writers: dict[tuple[type[Record], int], dict[str, Any]] = {}
        self._unknown: dict[tuple[type[Record], int], float] = {}

    def id_of(self, record: type[Record]) -> int:
        """Return the id of the current schema; register it when it is new.

        Raises:
            SchemaRegistryError: no answer; or the schema is missing and may not be
                registered, or is incompatible with an earlier version.
        """
        if record not in self._ids:
            self._ids[record] = self._look_up(record)
        return self._ids[record]

    def writer_schema(self, record: type[Record], schema_id: int) -> dict[str, Any]:
        """Return the schema with that id.

        Raises:
            AvroError: no such id, another record's schema, or one that could decode
                to any size.
            SchemaRegistryError: the registry does not answer.
        """
        asked = (record, schema_id)
        if asked in self._writers:
            return self._writers[asked]
        # Hostile ids must not make one request each.
        if self._unknown.get(asked, 0.0) > self._clock():
            raise AvroError(_unknown_id(record, schema_id))
        try:
            self._writers[asked] = self._fetch(record, schema_id)
        except AvroError:
            if len(self._unknown) >= _MAX_UNKNOWN:
                self._unknown.clear()
            self._unknown[asked] = self._clock() + _UNKNOWN_S
            raise
        return self._writers[asked]

    def _look_up(self, record: type[Record]) -> int:
        subject = self._subjects[record]
        body = {"schema": json.dumps(schema_of(record)), "schemaType": "AVRO"}
        status, answer = self._client.post(f"subjects/{subject}", body)
        if status == _NOT_FOUND and self._register:
            self._client.put(f"config/{subject}", {"compatibility": COMPATIBILITY})
            status, answer = self._client.post(f"subjects/{subject}/versions", body)
        if status == _CONFLICT:
            raise SchemaRegistryError(
                f"{record.__name__} is not {COMPATIBILITY} with what {subject} has: "
                f"{answer.get('message', '')}; add a default or a new topic version"
            )
        if status == _NOT_FOUND:
            raise SchemaRegistryError(
                f"{subject} has no such schema of {record.__name__}: register "
                f"schemas/*.avsc first, or allow registering"
            )
        return int(answer["id"])

    def _fetch(self, record: type[Record], schema_id: int) -> dict[str, Any]:
        status, answer = self._client.get(f"schemas/ids/{schema_id}")
        if status == _NOT_FOUND:
            raise AvroError(_unknown_id(record, schema_id))
        schema = _parsed(answer, schema_id)
        expected = f"adloom.{record.__name__}"
        found = str(schema.get("name"))
        if "." not in found:
            found = f"{schema.get('namespace', '')}.{found}"
        if found != expected:
            raise AvroError(f"schema id {schema_id}: expected {expected}, got {found}")
        reason = unbounded(schema)
        if reason is not None:
            raise AvroError(f"schema id {schema_id} of {expected}: {reason}")
        return schema


def _parsed(answer: dict[str, Any], schema_id: int) -> dict[str, Any]:
    if answer.get("schemaType", "AVRO") != "AVRO" or answer.get("references"):
        raise AvroError(
            f"schema id {schema_id}: expected an Avro schema without references, "
            f"got {answer.get('schemaType', 'AVRO')}"
        )
    try:
        schema = json.loads(answer["schema"])
        fastavro.parse_schema(schema, named_schemas={})
    # A foreign schema: the parser answers with whatever the failing line raised.
    except Exception as error:
        raise AvroError(f"schema id {schema_id} is no Avro schema: {error}") from error
    if not isinstance(schema, dict):
        raise AvroError(f"schema id {schema_id}: expected a record, got {schema!r}")
    return schema


def _unknown_id(record: type[Record], schema_id: int) -> str:
    return f"unknown schema id {schema_id} for {record.__name__}: not in the registry"
