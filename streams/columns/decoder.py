"""Payloads of one record type -> columns, whichever known writer schema they carry."""

from collections.abc import Sequence
from typing import Any

from schemas.avro import AvroError, Codec, SchemaIds, schema_of
from schemas.records import Record
from streams.columns.columns import Columns
from streams.columns.compiled import built
from streams.columns.decode import RecordDecoder
from streams.columns.limits import limits_of
from streams.columns.payload import Payload
from streams.columns.plan import compile_plan
from streams.columns.vocabulary import FIELD, has_vectors, translated

_KERNEL = built("streams.columns._decode")
_FRAME = 5


class Decoder:
    """Decodes many messages of a flat record at once.

    Args:
        record: type of the record.
        ids: where writer schemas come from.
        wanted: fields that become slots, in this order.
        key: field that must equal the message key.
        strict: an unknown vocabulary of a vector is an error.
    """

    def __init__(
        self,
        record: type[Record],
        ids: SchemaIds,
        wanted: Sequence[str],
        key: str | None = None,
        *,
        strict: bool = False,
    ) -> None:
        self._record = record
        self._ids = ids
        self._strict = strict
        # Who asks for the vocabulary takes vectors as they are.
        self._translates = has_vectors(record) and FIELD not in wanted
        self._wanted = (*wanted, FIELD) if self._translates else tuple(wanted)
        self._key = key
        self._kernel: Any = _KERNEL
        self._reference = RecordDecoder(record, Codec(record, ids), self._wanted, key)
        self._known: set[int] = set()
        self._plans: list[Any] = []
        self._learn(ids.id_of(record))

    def decode(
        self, payloads: Sequence[Payload], from_offset: int, now: int
    ) -> Columns:
        """Return the columns; odd records are what the codec has to look at.

        Vectors are under the vocabulary of this process.

        Args:
            payloads: of one partition, in offset order.
            from_offset: records before it are left out.
            now: epoch ms, for instants that cannot be.
        """
        columns = self._decoded(payloads, from_offset, now)
        if self._translates:
            return translated(self._record, columns, strict=self._strict)
        return columns

    def _decoded(
        self, payloads: Sequence[Payload], from_offset: int, now: int
    ) -> Columns:
        if self._kernel is None:
            return self._reference.decode(payloads, from_offset, now)
        columns: Columns = self._kernel.decode(payloads, from_offset, self._plans, now)
        for _, _, value in columns.odd_records():
            if value is not None and len(value) >= _FRAME and value[0] == 0:
                self._learn(int.from_bytes(value[1:_FRAME], "big"))
        return columns

    def _learn(self, schema_id: int) -> None:
        """Make a plan for a writer schema when it is first met."""
        if schema_id in self._known:
            return
        try:
            writer = self._ids.writer_schema(self._record, schema_id)
        except AvroError:
            return  # not one of ours: the codec says so, message by message
        self._known.add(schema_id)
        reader = schema_of(self._record)
        plan = compile_plan(
            schema_id, writer, reader, self._wanted, limits_of(self._record), self._key
        )
        if plan is not None:
            self._plans.append(self._kernel and self._kernel.CompiledPlan(plan))
        elif not self._plans:
            raise ValueError(
                f"{self._record.__name__} is not flat: decode it record by record"
            )
