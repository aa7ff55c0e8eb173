"""What was read -> rows that wait for ClickHouse, and the names of their blocks."""

import time
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import pyarrow as pa

from streams.kafka.fetched import TP
from streams.sink.tables import Row


@dataclass(slots=True)
class _Span:
    first: int
    last: int


@dataclass
class Pending:
    """What was read and is not in ClickHouse yet."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    batches: dict[str, list[pa.RecordBatch]] = field(default_factory=dict)
    """Rows as columns, by topic."""
    spans: dict[str, dict[int, _Span]] = field(default_factory=dict)
    digests: dict[str, Any] = field(default_factory=dict)
    next_offsets: dict[TP, int] = field(default_factory=dict)
    erased: list[str] = field(default_factory=list)
    n_rows: int = 0
    n_columnar_rows: int = 0
    since: float | None = None

    def note(self, message: Any) -> None:
        """Remember that a message was read, whatever becomes of it."""
        span = self.spans.setdefault(message.topic, {}).setdefault(
            message.partition, _Span(message.offset, message.offset)
        )
        span.last = message.offset
        digest = self.digests.setdefault(message.topic, blake2b(digest_size=16))
        digest.update(b"%d %d " % (message.partition, message.offset))
        digest.update(message.value or b"")
        self.note_position(message.topic, message.partition, message.offset + 1)

    def note_position(self, topic: str, partition: int, next_offset: int) -> None:
        """Remember up to where a partition was read."""
        at = TP(topic, partition)
        self.next_offsets[at] = max(next_offset, self.next_offsets.get(at, 0))
        if self.since is None:
            self.since = time.monotonic()

    def add(self, row: Row) -> None:
        """Keep a row for the next flush."""
        self.rows.setdefault(row.topic, []).append(row)
        self.n_rows += 1

    def add_batch(self, topic: str, batch: pa.RecordBatch) -> None:
        """Keep rows of one partition, as columns, for the next flush."""
        self.batches.setdefault(topic, []).append(batch)
        self.n_columnar_rows += batch.num_rows

    def token(self, topic: str) -> str:
        """Name the block of a topic: offsets and contents, so no other has the name.

        Offsets alone would not do: a topic that was made anew counts from 0 again.
        """
        spans = ",".join(
            f"{partition}:{span.first}-{span.last}"
            for partition, span in sorted(self.spans[topic].items())
        )
        return f"{topic}|{spans}|{self.digests[topic].hexdigest()}"
