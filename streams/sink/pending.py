"""Messages -> rows that wait for ClickHouse, and the name of the block they make."""

import time
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from kafka import TopicPartition

from streams.sink.tables import Row


@dataclass(slots=True)
class _Span:
    first: int
    last: int


@dataclass
class Pending:
    """What was read and is not in ClickHouse yet."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    spans: dict[str, dict[int, _Span]] = field(default_factory=dict)
    digests: dict[str, Any] = field(default_factory=dict)
    next_offsets: dict[TopicPartition, int] = field(default_factory=dict)
    erased: list[str] = field(default_factory=list)
    n_rows: int = 0
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
        at = TopicPartition(message.topic, message.partition)
        self.next_offsets[at] = message.offset + 1
        if self.since is None:
            self.since = time.monotonic()

    def add(self, row: Row) -> None:
        """Keep a row for the next flush."""
        self.rows.setdefault(row.topic, []).append(row)
        self.n_rows += 1

    def token(self, topic: str) -> str:
        """Name the block of a topic: offsets and contents, so no other has the name.

        Offsets alone would not do: a topic that was made anew counts from 0 again.
        """
        spans = ",".join(
            f"{partition}:{span.first}-{span.last}"
            for partition, span in sorted(self.spans[topic].items())
        )
        return f"{topic}|{spans}|{self.digests[topic].hexdigest()}"
