"""Record batches -> what a stage folds in: columns where it takes them."""

from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from schemas.avro import AvroError
from schemas.records import Record
from streams.admission.categories import unknown_category
from streams.columns.columns import Columns
from streams.columns.decoder import Decoder
from streams.columns.from_records import record_columns
from streams.columns.payload import Payload
from streams.columns.vocabulary import translated_record
from streams.engine.admit import admit
from streams.engine.stage import (
    ColumnarStage,
    Incoming,
    Output,
    RecallingStage,
    Stage,
    WeighingStage,
)
from streams.kafka.batch_header import CorruptBatchError
from streams.kafka.fetched import TP
from streams.kafka.messages import Message, messages
from streams.kafka.record_batches import RecordSet
from streams.kafka.wire import Wire

GROUP_RECORDS = 4_096
"""Records decoded at once: their columns stay in the processor's cache."""

MAX_BROKEN_BYTES = 64 * 1024
"""Of a batch whose framing is broken, so much goes to the dead letters."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that cannot be used, untouched, and why."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    reason: str


@dataclass
class Taken:
    """What came of a batch."""

    outgoing: list[Output] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    n_records: int = 0
    """Folded in."""
    n_behind: int = 0
    """Left in the log after this batch."""


class Intake:
    """Decodes, admits and folds batches into a stage."""

    def __init__(self, stage: Stage, wire: Wire) -> None:
        self._stage = stage
        self._wire = wire
        self._decoders: dict[str, Decoder] = {}
        if isinstance(stage, ColumnarStage):
            for record, wanted in stage.columnar.items():
                topic = wire.topic_of(record)
                ids = wire.codec(record).ids
                decoder = Decoder(record, ids, wanted, "user_id")
                self._decoders[wire.name(topic)] = decoder

    def take(
        self, batch: Sequence[RecordSet], positions: MutableMapping[TP, int], now: int
    ) -> Taken:
        """Fold a batch in; `positions` move past it.

        Records before their partition's position are left out: they are in already.
        """
        taken = Taken()
        incoming: list[Incoming] = []
        for records in batch:
            position = positions.get(records.tp, 0)
            if records.tp.topic in self._decoders:
                self._fold(records, position, now, taken, incoming)
            else:
                self._decode(records, position, now, taken, incoming)
            positions[records.tp] = max(position, records.next_offset)
            taken.n_behind += max(0, records.high_watermark - records.next_offset)
        taken.n_records += len(incoming)
        if incoming:
            taken.outgoing += self._stage.step(incoming, now)
        return taken

    def recall(
        self, stage: ColumnarStage | RecallingStage, records: RecordSet, end: int
    ) -> None:
        """Show a stage records before `end` again that its state includes."""
        if isinstance(stage, ColumnarStage):
            self._recall_columns(stage, records, end)
            return
        for payload in records.payloads:
            with suppress(CorruptBatchError):
                for message in messages(records.tp, payload):
                    if message.offset >= end:
                        return
                    with suppress(AvroError):  # it is in the dead letters
                        stage.see(self._record(message, _ANY_TIME))

    def _recall_columns(
        self, stage: ColumnarStage, records: RecordSet, end: int
    ) -> None:
        record = self._wire.topic(records.tp.topic).record
        decoder = self._decoders[records.tp.topic]
        for group in _groups(records.payloads):
            columns = decoder.decode(group, 0, _ANY_TIME).before(end)
            stage.recall(record, records.tp.partition, columns)
            odd = list(self._admitted(records.tp, columns))
            again = record_columns(record, odd, columns.names)
            stage.recall(record, records.tp.partition, again)

    def _admitted(self, tp: TP, columns: Columns) -> Iterator[tuple[int, Record]]:
        """Yield (offset, record) of the odd records that can be used."""
        for offset, key, value in columns.odd_records():
            message = Message(*tp, offset, 0, key, value, [])
            with suppress(AvroError):  # it is in the dead letters
                incoming = self._record(message, _ANY_TIME)
                if incoming.value is not None:
                    yield offset, incoming.value

    # -- columns ------------------------------------------------------------------

    def _fold(
        self,
        records: RecordSet,
        position: int,
        now: int,
        taken: Taken,
        incoming: list[Incoming],
    ) -> None:
        stage = self._stage
        if not isinstance(stage, ColumnarStage):
            raise TypeError(f"{stage.name} takes no columns")
        topic = self._wire.topic(records.tp.topic)
        decoder = self._decoders[records.tp.topic]
        partition = records.tp.partition
        for group in _groups(records.payloads):
            columns = decoder.decode(group, position, now)
            if isinstance(stage, WeighingStage) and len(columns):
                columns = self._known(records.tp, columns, now, taken, incoming)
            if len(columns):
                taken.outgoing += stage.fold(topic.record, partition, columns, now)
                taken.n_records += len(columns)
            for offset, key, value in columns.odd_records():
                message = Message(*records.tp, offset, 0, key, value, [])
                self._admit(message, now, taken, incoming)
            taken.rejected += _broken(records.tp, columns)

    def _known(
        self,
        tp: TP,
        columns: Columns,
        now: int,
        taken: Taken,
        incoming: list[Incoming],
    ) -> Columns:
        """Return the rows whose category is known; the others are dead letters."""
        stage, rows = self._stage, tuple[int, ...]()
        if isinstance(stage, WeighingStage):
            rows = tuple(stage.unknown_categories(columns))
        for row in rows:
            at = int(columns.row_starts.searchsorted(row, side="right")) - 1
            offset = int(columns.offsets[row])
            for message in messages(tp, columns.payloads[at], offset):
                self._admit(message, now, taken, incoming)
                break
        return columns.without(rows) if rows else columns

    # -- single records -----------------------------------------------------------

    def _decode(
        self,
        records: RecordSet,
        position: int,
        now: int,
        taken: Taken,
        incoming: list[Incoming],
    ) -> None:
        for payload in records.payloads:
            try:
                for message in messages(records.tp, payload, position):
                    self._admit(message, now, taken, incoming)
            except CorruptBatchError as error:
                taken.rejected.append(_rest(records.tp, payload, str(error)))

    def _admit(
        self, message: Message, now: int, taken: Taken, incoming: list[Incoming]
    ) -> None:
        try:
            incoming.append(self._record(message, now))
        except AvroError as error:
            taken.rejected.append(
                Rejected(
                    message.topic,
                    message.partition,
                    message.offset,
                    message.key,
                    message.value,
                    str(error),
                )
            )

    def _record(self, message: Message, now: int) -> Incoming:
        """Decode one record; raise AvroError with the reason when it is unusable."""
        topic = self._wire.topic(message.topic)
        key = (message.key or b"").decode("utf-8", "replace")
        partition, offset = message.partition, message.offset
        if message.value is None:
            if not topic.compacted:
                raise AvroError(f"{message.topic}: empty value; expected a record")
            return Incoming(topic.record, key, None, partition, offset)
        codec = self._wire.codec(topic.record)
        value = admit(topic, codec, message.key, message.value, now)
        if isinstance(self._stage, WeighingStage):
            reason = unknown_category(value)
            if reason is not None:
                raise AvroError(reason)
        value = translated_record(value)
        return Incoming(topic.record, key, value, partition, offset)


_ANY_TIME = 2**53
"""A clock for records that were admitted before: they are not judged again."""


def _groups(payloads: Sequence[Payload]) -> Iterator[list[Payload]]:
    """Yield payloads together until they have enough records."""
    group: list[Payload] = []
    n_records = 0
    for payload in payloads:
        group.append(payload)
        n_records += payload.n_records
        if n_records >= GROUP_RECORDS:
            yield group
            group, n_records = [], 0
    if group:
        yield group


def _broken(tp: TP, columns: Columns) -> list[Rejected]:
    return [
        _rest(
            tp,
            columns.payloads[index],
            f"record {n} of {columns.payloads[index].n_records} of the batch, and what "
            "follows it, is malformed",
        )
        for index, n in columns.malformed
    ]


def _rest(tp: TP, payload: Payload, reason: str) -> Rejected:
    """Return the letter about a batch whose records end in nonsense."""
    content = bytes(payload.records[:MAX_BROKEN_BYTES])
    return Rejected(*tp, payload.base_offset, None, content, reason)
