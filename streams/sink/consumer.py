"""ads.* and dlq.* topics -> ClickHouse tables: each record once, whatever happens.

Offsets are committed after the rows are in. A crash between the two repeats rows, and
a repeated row is the same row: tables are keyed by the record's id, and a block that is
cut the same way again is dropped by its token. A tombstone of a profile erases the
person from every table, and what still arrives about them is dropped.
"""

import threading
import time
from contextlib import ExitStack

from schemas.avro import SchemaIds
from schemas.records import Record
from streams.kafka.blocking_reader import BlockingReader
from streams.kafka.connection import Connection
from streams.kafka.group import Group
from streams.kafka.producer import BlockingProducer, Sent
from streams.runtime.clock import now_ms
from streams.settings import KafkaSettings
from streams.sink import metrics
from streams.sink.cuts import arrow_blocks
from streams.sink.erasures import Erasures
from streams.sink.intake import NAME, REPORTED_BY_STAGES, SinkIntake
from streams.sink.pending import Pending
from streams.sink.store import Store
from streams.sink.tables import blocks_of

_READ_S = 0.1


class Sink:
    """Keeps ClickHouse up to date with the topics, until it is stopped.

    Args:
        connection: how to connect.
        kafka: prefix and session timeout.
        ids: where schema ids come from.
        store: where rows go.
        reported_by_stages: records whose bad bytes somebody else dead-letters.
        flush_rows: write when so many rows wait that were read one by one: a creative
            may be 20 kB.
        flush_columnar_rows: write when so many rows wait that were read as columns.
        flush_s: write at the latest when the first row has waited so long.
    """

    def __init__(
        self,
        connection: Connection,
        kafka: KafkaSettings,
        ids: SchemaIds,
        store: Store,
        *,
        reported_by_stages: frozenset[type[Record]] = REPORTED_BY_STAGES,
        flush_rows: int = 20_000,
        flush_columnar_rows: int = 400_000,
        flush_s: float = 0.5,
    ) -> None:
        self.intake = SinkIntake(ids, kafka.topic_prefix, reported_by_stages)
        self._connection = connection
        self._kafka = kafka
        self._store = store
        self._flush_rows = flush_rows
        self._flush_columnar_rows = flush_columnar_rows
        self._flush_s = flush_s
        self._stopping = threading.Event()
        self._assigned = threading.Event()
        self._last_poll = time.monotonic()
        self._group: Group | None = None
        self._reader: BlockingReader | None = None
        self._producer: BlockingProducer | None = None

    # -- life ---------------------------------------------------------------------

    def run(self) -> None:
        """Consume until `stop`; then flush, commit and leave the group.

        Raises:
            UnavailableError: the broker or ClickHouse is gone for too long.
            ConfigurationError: the broker refuses this user.
            StateError: ClickHouse refused rows, or a record batch is corrupt.
        """
        with ExitStack() as stack:
            self._connect(stack)
            while not self._stopping.is_set():
                self._poll()
            self._flush()

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
        return self._reader.lag() if self._reader is not None else 0

    # -- Kafka --------------------------------------------------------------------

    def _connect(self, stack: ExitStack) -> None:
        self._group = Group(
            self._connection,
            f"{self._kafka.topic_prefix}adloom-{NAME}-v1",
            f"adloom-{NAME}",
            self.intake.topics,
            self._kafka.session_timeout_s,
        )
        stack.callback(self._group.close)
        self._reader = BlockingReader(self._connection)
        stack.callback(self._reader.close)
        stack.callback(self._close_producer)

    def _poll(self) -> None:
        if self._group is None or self._reader is None:
            raise RuntimeError("expected `run` to have connected")
        has_changed = self._group.poll()
        self._last_poll = time.monotonic()
        if has_changed:
            self._begin_again(self._group, self._reader)
            return
        if not self._group.is_settled():
            return
        for records, position in self._reader.read(timeout_s=_READ_S):
            self.intake.take_records(records, position, now_ms())
        if self._is_due():
            self._flush()

    def _begin_again(self, group: Group, reader: BlockingReader) -> None:
        """Forget what is not written and go back to what was committed.

        Nothing can be committed for partitions that are gone, and what was read of
        those that stay is read again: one rule, whoever gets what.
        """
        self.intake.forget()
        reader.assign(group.positions())
        # What other members of the group have erased meanwhile.
        self.intake.erasures = Erasures(self._store.erasures())
        self._assigned.set()

    def _close_producer(self) -> None:
        if self._producer is not None:
            self._producer.close()

    # -- writing ------------------------------------------------------------------

    def _is_due(self) -> bool:
        pending = self.intake.pending
        return pending.since is not None and (
            pending.n_rows >= self._flush_rows
            or pending.n_columnar_rows >= self._flush_columnar_rows
            or time.monotonic() - pending.since >= self._flush_s
        )

    def _flush(self) -> None:
        """Write what is pending, then commit its offsets."""
        if self._group is None or self.intake.pending.since is None:
            return
        with metrics.FLUSH_SECONDS.time():
            write(self.intake, self._store)
            self._send_dead_letters()
            self._group.commit(self.intake.pending.next_offsets)
        self.intake.pending = Pending()
        metrics.LAG.set(self.lag())

    def _send_dead_letters(self) -> None:
        letters = self.intake.dead_letters
        if not letters:
            return
        if self._producer is None:
            self._producer = BlockingProducer(self._connection, f"adloom-{NAME}")
        self._producer.send(
            *(Sent(one.topic, one.key, one.value, one.headers) for one in letters)
        )
        letters.clear()


def write(intake: SinkIntake, store: Store) -> None:
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
    for topic, batches in intake.batches_to_write().items():
        for arrow in arrow_blocks(topic, intake.table_of(topic), batches):
            store.insert_arrow(arrow)
            metrics.ROWS.labels(arrow.table).inc(arrow.n_rows)
