"""Records of ads.* and dlq.* -> rows, erasures and dead letters; no broker, no store.

Record sets of the flat records become Arrow columns; all others, and what is odd in
those, are read message by message.

Each bad record gets one dead letter: the stages that read a topic report what is bad in
it, so the sink passes it over; it reports only what no stage reads.
"""

from collections import Counter
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import pyarrow as pa

from schemas.avro import AvroError, Codec, SchemaIds
from schemas.records import (
    Profile,
    Record,
)
from streams.engine.admit import admit
from streams.errors import RejectedRecordError
from streams.kafka.batch_header import CorruptBatchError
from streams.kafka.dead_letters import (
    DeadLetter,
    Origin,
    dead_letter,
    dead_letter_topic,
    origin_of,
)
from streams.kafka.messages import messages
from streams.kafka.record_batches import RecordSet
from streams.kafka.topics import TOPICS, Topic
from streams.sink import metrics
from streams.sink.erasures import Erasures
from streams.sink.flat import FLAT, FlatReader
from streams.sink.forgotten import admitted
from streams.sink.pending import Pending
from streams.sink.tables import (
    TABLES,
    RefusedRecord,
    Row,
    instant_of,
    person_of,
    unrepresentable_instant,
)

NAME = "sink"

REPORTED_BY_STAGES: frozenset[type[Record]] = frozenset(
    topic.record for topic in TOPICS if topic.checked_by != NAME
)
"""Records that some stage's group reads, and whose bad bytes it dead-letters."""


class SinkIntake:
    """Reads messages into what is to be written.

    Args:
        ids: where schema ids come from.
        prefix: of every topic name.
        reported_by_stages: records whose bad bytes somebody else dead-letters.
    """

    def __init__(
        self,
        ids: SchemaIds,
        prefix: str = "",
        reported_by_stages: frozenset[type[Record]] = REPORTED_BY_STAGES,
    ) -> None:
        self.pending = Pending()
        self.erasures = Erasures()
        self.dead_letters: list[DeadLetter] = []
        """What is to be sent before the offsets are committed."""
        self.skipped: Counter[str] = Counter()
        """Records that could not be used, by topic."""
        self._reported_by_stages = reported_by_stages
        self._topics: dict[str, Topic] = {
            prefix + topic.name: topic for topic in TOPICS if topic.record in TABLES
        }
        self._codecs = {
            topic.record: Codec(topic.record, ids) for topic in self._topics.values()
        }
        self._readers = {
            name: FlatReader(topic.record, ids)
            for name, topic in self._topics.items()
            if topic.record in FLAT
        }
        self._dead_letter_topics = frozenset(
            dead_letter_topic(prefix + topic.name) for topic in TOPICS
        )

    @property
    def topics(self) -> list[str]:
        """Names of the topics to subscribe to."""
        return sorted({*self._topics, *self._dead_letter_topics})

    def table_of(self, topic: str) -> str:
        """Return the table of a topic's records."""
        return TABLES[self._topics[topic].record]

    def take_records(self, records: RecordSet, from_offset: int, now: int) -> None:
        """Fold in what one fetch of a partition brought.

        Args:
            records: of one partition; checked and decompressed.
            from_offset: records before it are in already.
            now: epoch ms.
        """
        tp = records.tp
        reader = self._readers.get(tp.topic)
        if reader is None:
            self._take_one_by_one(records, from_offset, now)
        else:
            rows = reader.read(records, from_offset, now)
            for batch in rows.batches:
                self._keep_batch(tp.topic, batch)
            self.take(rows.odd, now)
            for _ in range(rows.n_broken):
                self._skip(tp.topic)
        self.pending.note_position(tp.topic, tp.partition, records.next_offset)

    def take(self, messages: Iterable[Any], now: int) -> None:
        """Fold in messages of one partition, in offset order.

        Args:
            messages: kafka-python's `ConsumerRecord`s, or what looks like them.
            now: epoch ms.
        """
        for message in messages:
            self.pending.note(message)
            if message.topic in self._dead_letter_topics:
                self._take_dead_letter(message, now)
            elif message.value is None:
                self._take_tombstone(message)
            else:
                self._take_record(message, now)

    def forget(self) -> None:
        """Drop what was read and not written: it will be read again."""
        self.pending = Pending()
        self.dead_letters = []

    def rows_to_write(self) -> dict[str, list[Row]]:
        """Return the pending rows by topic, without those of people just erased."""
        if not self.pending.erased:
            return self.pending.rows
        admitted = {
            topic: [row for row in rows if self._admits(row)]
            for topic, rows in self.pending.rows.items()
        }
        return {topic: rows for topic, rows in admitted.items() if rows}

    def batches_to_write(self) -> dict[str, list[pa.RecordBatch]]:
        """Return the pending columns by topic, without people just erased."""
        if not self.pending.erased:
            return self.pending.batches
        return {
            topic: [self._admitted(topic, batch) for batch in batches]
            for topic, batches in self.pending.batches.items()
        }

    def _take_one_by_one(self, records: RecordSet, from_offset: int, now: int) -> None:
        for payload in records.payloads:
            try:
                self.take(messages(records.tp, payload, from_offset), now)
            except CorruptBatchError:
                # Its checksum is right, so its producer wrote it so: the stage that
                # reads the topic reports it.
                self._skip(records.tp.topic)

    def _keep_batch(self, topic: str, batch: pa.RecordBatch) -> None:
        batch = self._admitted(topic, batch)
        if batch.num_rows:
            self.pending.add_batch(topic, batch)

    def _admitted(self, topic: str, batch: pa.RecordBatch) -> pa.RecordBatch:
        return admitted(self.erasures, self._topics[topic].record, batch)

    def _take_record(self, message: Any, now: int) -> None:
        topic = self._topics[message.topic]
        try:
            record = self._decoded(topic, message, now)
        except AvroError as error:
            self._refuse(topic, message, str(error))
            return
        if isinstance(record, Profile):
            self.erasures.take_back(record.user_id, record.updated_at)
        self._keep(message, record)

    def _decoded(self, topic: Topic, message: Any, now: int) -> Record:
        codec = self._codecs[topic.record]
        record = admit(topic, codec, message.key, message.value, now)
        reason = unrepresentable_instant(record)
        if reason is not None:
            raise AvroError(reason)
        return record

    def _take_tombstone(self, message: Any) -> None:
        """Erase the person of a profile; of other topics, history stays."""
        if self._topics[message.topic].record is Profile and message.key is not None:
            user_id = message.key.decode("utf-8", "replace")
            self.erasures.erase(user_id)
            self.pending.erased.append(user_id)

    def _take_dead_letter(self, message: Any, now: int) -> None:
        try:
            origin = _origin_in_range(message.headers)
        except RejectedRecordError:
            self._skip(message.topic)
            return
        value = message.value or b""
        refused = RefusedRecord(
            source_topic=origin.topic,
            source_partition=origin.partition,
            source_offset=origin.offset,
            stage=origin.stage,
            reason=origin.reason,
            key=(message.key or b"").decode("utf-8", "replace"),
            n_bytes=len(value),
            digest=blake2b(value, digest_size=8).hexdigest(),
            failed_at=min(max(message.timestamp, 0), now),
        )
        self._keep(message, refused)

    def _keep(self, message: Any, record: Record) -> None:
        row = Row(record, message.topic, message.partition, message.offset)
        if self._admits(row):
            self.pending.add(row)

    def _admits(self, row: Row) -> bool:
        person = person_of(row.record)
        return person is None or self.erasures.admits(person, instant_of(row.record))

    def _refuse(self, topic: Topic, message: Any, reason: str) -> None:
        self._skip(message.topic)
        if topic.record in self._reported_by_stages:
            return
        letter = dead_letter(
            topic=message.topic,
            partition=message.partition,
            offset=message.offset,
            key=message.key,
            value=message.value,
            stage=NAME,
            reason=reason,
        )
        self.dead_letters.append(letter)

    def _skip(self, topic: str) -> None:
        self.skipped[topic] += 1
        metrics.SKIPPED.labels(topic).inc()


def _origin_in_range(headers: Any) -> Origin:
    """Read a dead letter's headers; anybody may have written them."""
    origin = origin_of(headers)
    if not (0 <= origin.partition < 2**31 and 0 <= origin.offset < 2**63):
        raise RejectedRecordError(
            f"expected a partition and an offset, got {origin.partition} and "
            f"{origin.offset}"
        )
    return origin
