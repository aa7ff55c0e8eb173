"""ads.* and dlq.* topics -> ClickHouse tables: each record once, whatever happens.

Offsets are committed after the rows are in. A crash between the two repeats rows, and
a repeated row is the same row: tables are keyed by the record's id, and a block that is
cut the same way again is dropped by its token. A tombstone of a profile erases the
person from every table, and what still arrives about them is dropped.
"""

import threading
import time
from typing import Any

import structlog
from kafka import (
    ConsumerRebalanceListener,
    KafkaConsumer,
    KafkaProducer,
    OffsetAndMetadata,
)
from kafka.errors import CommitFailedError, KafkaError

from schemas.avro import SchemaIds
from schemas.records import Record
from streams.errors import UnavailableError
from streams.settings import KafkaSettings
from streams.sink import metrics
from streams.sink.erasures import Erasures
from streams.sink.intake import NAME, REPORTED_BY_STAGES, Intake
from streams.sink.pending import Pending
from streams.sink.store import Store
from streams.sink.tables import blocks_of

LOG = structlog.get_logger(__name__)


class Sink:
    """Keeps ClickHouse up to date with the topics, until it is stopped.

    Args:
        bootstrap: broker addresses, host:port, separated by commas.
        kafka: prefix and session timeout.
        ids: where schema ids come from.
        store: where rows go.
        reported_by_stages: records whose bad bytes somebody else dead-letters.
        flush_rows: write when so many rows wait.
        flush_s: write at the latest when the first row has waited so long.
    """

    def __init__(
        self,
        bootstrap: str,
        kafka: KafkaSettings,
        ids: SchemaIds,
        store: Store,
        *,
        reported_by_stages: frozenset[type[Record]] = REPORTED_BY_STAGES,
        flush_rows: int = 20_000,
        flush_s: float = 0.5,
    ) -> None:
        self.intake = Intake(ids, kafka.topic_prefix, reported_by_stages)
        self._bootstrap = bootstrap
        self._kafka = kafka
        self._store = store
        self._flush_rows = flush_rows
        self._flush_s = flush_s
        self.rebalance = threading.Event()
        self._stopping = threading.Event()
        self._assigned = threading.Event()
        self._last_poll = time.monotonic()
        self._consumer: KafkaConsumer | None = None
        self._producer: KafkaProducer | None = None

    # -- life ---------------------------------------------------------------------

    def run(self) -> None:
        """Consume until `stop`; then flush, commit and leave the group.

        Raises:
            UnavailableError: the broker or ClickHouse is gone for too long.
            StateError: ClickHouse refused rows.
        """
        try:
            self._consumer = self._connected_consumer()
            while not self._stopping.is_set():
                self._poll(self._consumer)
            self._flush()
        except KafkaError as error:
            raise UnavailableError(
                f"the Kafka broker at {self._bootstrap} failed: {error!r}; check it "
                "and start the sink again: it goes on where it committed"
            ) from error
        finally:
            self._close()

    def stop(self) -> None:
        """Ask `run` to end; safe from a signal and from another thread."""
        self._stopping.set()

    def is_ready(self) -> bool:
        """Return True once partitions are assigned."""
        return self._assigned.is_set()

    def is_live(self, limit_s: float = 60.0) -> bool:
        """Return False when nothing was polled for too long."""
        return time.monotonic() - self._last_poll < limit_s

    def lag(self) -> int:
        """Return records not read yet, by the high watermarks of the last fetches."""
        consumer = self._consumer
        if consumer is None:
            return 0
        watermarks = {at: consumer.highwater(at) for at in consumer.assignment()}
        return sum(
            max(0, mark - consumer.position(at))
            for at, mark in watermarks.items()
            if mark is not None
        )

    # -- Kafka --------------------------------------------------------------------

    def _connected_consumer(self) -> KafkaConsumer:
        session_ms = int(self._kafka.session_timeout_s * 1000)
        consumer = KafkaConsumer(
            bootstrap_servers=self._bootstrap.split(","),
            bootstrap_timeout_ms=10_000,
            group_id=f"{self._kafka.topic_prefix}adloom-{NAME}-v1",
            client_id=f"adloom-{NAME}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=session_ms // 6,
            max_poll_records=self._flush_rows,
            check_crcs=True,
        )
        # A leader that knows no partitions yet assigns none, and on Apache Kafka it
        # takes most of a session until the group is asked again.
        consumer.topics()
        consumer.subscribe(self.intake.topics, listener=_Rebalance(self))
        return consumer

    def _poll(self, consumer: KafkaConsumer) -> None:
        batches = consumer.poll(timeout_ms=100)
        self._last_poll = time.monotonic()
        if self.rebalance.is_set():
            self.rebalance.clear()
            self._begin_again(consumer)
            return
        for messages in batches.values():
            self.intake.take(messages, time.time_ns() // 1_000_000)
        if self._is_due():
            self._flush()

    def _begin_again(self, consumer: KafkaConsumer) -> None:
        """Forget what is not written and go back to what was committed.

        Nothing can be committed for partitions that are gone, and what was read of
        those that stay is read again: one rule, whoever gets what.
        """
        self.intake.forget()
        for at in consumer.assignment():
            offset = consumer.committed(at)
            if offset is None:
                consumer.seek_to_beginning(at)
            else:
                consumer.seek(at, offset)
        # What other members of the group have erased meanwhile.
        self.intake.erasures = Erasures(self._store.erasures())
        self._assigned.set()

    def _commit(self) -> None:
        if self._consumer is None or not self.intake.pending.next_offsets:
            return
        offsets = {
            at: OffsetAndMetadata(offset, "", -1)
            for at, offset in self.intake.pending.next_offsets.items()
        }
        try:
            self._consumer.commit(offsets, timeout_ms=10_000)
        except CommitFailedError:
            LOG.warning("left the group before the commit; rows will come twice")

    def _close(self) -> None:
        if self._producer is not None:
            self._producer.close(timeout=5)
        if self._consumer is not None:
            self._consumer.close(autocommit=False, timeout_ms=5_000)

    # -- writing ------------------------------------------------------------------

    def _is_due(self) -> bool:
        pending = self.intake.pending
        return pending.since is not None and (
            pending.n_rows >= self._flush_rows
            or time.monotonic() - pending.since >= self._flush_s
        )

    def _flush(self) -> None:
        """Write what is pending, then commit its offsets."""
        if self.intake.pending.since is None:
            return
        with metrics.FLUSH_SECONDS.time():
            write(self.intake, self._store)
            self._send_dead_letters()
            self._commit()
        self.intake.pending = Pending()
        metrics.LAG.set(self.lag())

    def _send_dead_letters(self) -> None:
        letters = self.intake.dead_letters
        if not letters:
            return
        if self._producer is None:
            self._producer = KafkaProducer(
                bootstrap_servers=self._bootstrap.split(","),
                client_id=f"adloom-{NAME}",
                acks="all",
                enable_idempotence=False,  # twice is harmless: one row in ClickHouse
            )
        sent = [
            self._producer.send(
                letter.topic, value=letter.value, key=letter.key, headers=letter.headers
            )
            for letter in letters
        ]
        for future in sent:
            future.get(timeout=30)
        letters.clear()


def write(intake: Intake, store: Store) -> None:
    """Bring ClickHouse up to date with what was taken; commits nothing.

    The order matters: who is forgotten is kept first, their old rows go next, and rows
    that came after their return are written last.
    """
    store.remember(intake.erasures.take_changed())
    if intake.pending.erased:
        store.erase(sorted(set(intake.pending.erased)))
    for topic, rows in intake.rows_to_write().items():
        for block in blocks_of(rows):
            store.insert(block, intake.pending.token(topic))
            metrics.ROWS.labels(block.table).inc(block.n_rows)


class _Rebalance(ConsumerRebalanceListener):  # type: ignore[misc]  # untyped package
    """Notes that the group has decided; `_poll` acts on it.

    The listener runs in kafka-python's input-output thread, where a commit is refused.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def on_partitions_revoked(self, revoked: Any) -> None:
        """Partitions may go to another member."""
        if revoked:
            self._sink.rebalance.set()

    def on_partitions_assigned(self, assigned: Any) -> None:
        """Partitions come."""
        if assigned:
            self._sink.rebalance.set()
