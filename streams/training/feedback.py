"""The feedback topic -> records: a job's exact ranges, or what comes after a version.

A job's ranges leave no gap and no overlap, so they must be read exactly: from `start`,
stopping at `end` by the reader's position. Offsets inside a range may be missing
(compaction, transaction markers), so neither the last record's offset nor a count says
that a range is done. The broker's idea of the end of the log is not asked for.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing

from model_export.jobs.order import FeedbackRead
from schemas.avro import AvroError, Codec, SchemaIds
from schemas.records import Feedback, OffsetRange
from streams.errors import StateError
from streams.kafka.blocking_reader import BlockingReader
from streams.kafka.connection import Connection
from streams.kafka.fetched import TP
from streams.kafka.messages import Message

_POLL_S = 0.1


def read_ranges(
    connection: Connection,
    ranges: Sequence[OffsetRange],
    ids: SchemaIds,
    deadline_s: float = 60.0,
) -> FeedbackRead:
    """Return the records of the ranges, each partition in offset order.

    Args:
        connection: how to connect.
        ranges: what to read; a partition at most once.
        ids: schema ids for the codec.
        deadline_s: longest time for all of it, seconds.

    Raises:
        StateError: an offset is gone, the deadline passed, or a partition is named
            twice.
        UnavailableError: no broker answers.
    """
    spans = _spans(ranges)
    messages: list[Message] = []
    if spans:
        with closing(BlockingReader(connection)) as reader:
            messages += _within(reader, spans, time.monotonic() + deadline_s)
    codec = Codec(Feedback, ids)
    records = [one for _, one in decoded(messages, codec)]
    return FeedbackRead(records, len(messages) - len(records))


def decoded(
    messages: Iterable[Message], codec: Codec[Feedback]
) -> Iterator[tuple[int, Feedback]]:
    """Yield (partition, record) of the messages that are feedback records."""
    for message in messages:
        try:
            yield message.partition, codec.decode(message.value or b"")
        except AvroError:
            continue


def _spans(ranges: Iterable[OffsetRange]) -> dict[TP, OffsetRange]:
    """Return the range of each partition that has something to read."""
    spans: dict[TP, OffsetRange] = {}
    for part in ranges:
        if not 0 <= part.start <= part.end:
            raise StateError(f"{part}: expected 0 <= start <= end")
        tp = TP(part.topic, part.partition)
        if part.start == part.end:
            continue
        if tp in spans:
            raise StateError(f"{tp} is in two ranges: expected one each")
        spans[tp] = part
    return spans


def _within(
    reader: BlockingReader, spans: Mapping[TP, OffsetRange], deadline: float
) -> Iterator[Message]:
    """Yield the messages of the ranges, partition by partition as they come."""
    left = {tp: part.start for tp, part in spans.items()}
    reader.assign(left)
    while left:
        if time.monotonic() > deadline:
            raise StateError(
                f"feedback not read, the deadline passed: expected to reach the ends "
                f"of {list(spans.values())}, came to {left}; does the topic hold these "
                "offsets, and is the broker up?"
            )
        for message in reader.read_messages(_POLL_S):
            if message.offset < spans[TP(message.topic, message.partition)].end:
                yield message
        before, left = left, _positions(reader, left)
        for tp in [tp for tp, at in left.items() if at >= spans[tp].end]:
            del left[tp]
        if len(left) < len(before):
            reader.assign(left)


def _positions(reader: BlockingReader, before: Mapping[TP, int]) -> dict[TP, int]:
    """Return up to where partitions were read; it goes back where offsets are gone."""
    found = {tp: reader.position(tp) for tp in before}
    for tp, at in found.items():
        if at < before[tp]:
            raise StateError(
                f"{tp.topic}-{tp.partition}: expected offset {before[tp]}, which is "
                "not kept any more; the job cannot be run"
            )
    return found


class FeedbackTail:
    """Reads on from where a version stopped learning.

    Offsets that are no longer kept are passed over: the oldest that there is comes
    first.

    Args:
        connection: how to connect.
        topic: feedback topic.
        n_partitions: of it.
        starts: partition -> first offset; 0 where it is not named.
        ids: schema ids for the codec.
    """

    def __init__(
        self,
        connection: Connection,
        topic: str,
        n_partitions: int,
        starts: Mapping[int, int],
        ids: SchemaIds,
    ) -> None:
        self._codec = Codec(Feedback, ids)
        self._starts = {
            TP(topic, number): starts.get(number, 0) for number in range(n_partitions)
        }
        self._ends = dict(self._starts)
        self._reader = BlockingReader(connection, max_wait_ms=100)
        self._reader.assign(self._starts)

    def read(self, timeout_ms: int) -> list[tuple[int, Feedback]]:
        """Return what has come since the last call: (partition, record).

        Raises:
            StateError: the broker does not answer as it should.
        """
        messages = self._reader.read_messages(timeout_ms / 1000)
        for one in messages:
            self._ends[TP(one.topic, one.partition)] = one.offset + 1
        return list(decoded(messages, self._codec))

    @property
    def n_read(self) -> int:
        """Records up to where it has come, all partitions together."""
        return sum(self._ends.values())

    @property
    def lag(self) -> int:
        """Records that are known to lie ahead."""
        return self._reader.lag()

    @property
    def ranges(self) -> tuple[OffsetRange, ...]:
        """What was read, by partition."""
        return tuple(
            OffsetRange(
                topic=tp.topic, partition=tp.partition, start=self._starts[tp], end=end
            )
            for tp, end in self._ends.items()
            if end > self._starts[tp]
        )

    def close(self) -> None:
        """Let go of the broker."""
        self._reader.close()
