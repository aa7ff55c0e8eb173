"""Exact offset ranges of the feedback topic -> feedback records.

A job's ranges leave no gap and no overlap, so they must be read exactly: from `start`,
stopping at `end` by the consumer's position. Offsets inside a range may be missing
(compaction, transaction markers), so neither the last record's offset nor a count says
that a range is done. The broker's idea of the end of the log is not asked for.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from schemas.avro import AvroError, Codec, SchemaIds
from schemas.records import Feedback, OffsetRange

_POLL_MS = 500


class FeedbackReadError(Exception):
    """A range cannot be read as the job asks; says how far it came."""


@dataclass(frozen=True)
class FeedbackRead:
    """What the ranges held."""

    records: list[Feedback]
    n_undecodable: int
    """Messages in the ranges that are not feedback records; they were skipped."""


def read_ranges(
    kafka_config: Mapping[str, Any],
    ranges: Sequence[OffsetRange],
    ids: SchemaIds,
    deadline_s: float = 60.0,
) -> FeedbackRead:
    """Return the records of the ranges, each partition in offset order.

    Args:
        kafka_config: arguments of kafka-python's KafkaConsumer (bootstrap_servers, …).
        ranges: what to read; a partition at most once.
        ids: schema ids for the codec.
        deadline_s: longest time for all of it, seconds.

    Raises:
        FeedbackReadError: an offset is gone, the deadline passed, a partition is named
            twice, or the broker does not answer.
    """
    ends = _ends(ranges)
    if not ends:
        return FeedbackRead([], 0)
    deadline = time.monotonic() + deadline_s
    messages: list[bytes | None] = []
    try:
        consumer = KafkaConsumer(
            **kafka_config,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
        )
        try:
            consumer.assign(list(ends))
            for part in ranges:
                if part.start < part.end:
                    key = TopicPartition(part.topic, part.partition)
                    consumer.seek(key, part.start)
            _read(consumer, ends, deadline, messages)
        finally:
            consumer.close()
    except KafkaError as error:
        raise FeedbackReadError(
            f"cannot read {_text(ranges)}: {error}; is the broker up, and are these "
            "offsets still kept?"
        ) from error
    return _decoded(messages, ids)


def _ends(ranges: Iterable[OffsetRange]) -> dict[TopicPartition, int]:
    """Return the end of each partition that has something to read."""
    ends: dict[TopicPartition, int] = {}
    for part in ranges:
        if not 0 <= part.start <= part.end:
            raise FeedbackReadError(f"{part}: expected 0 <= start <= end")
        if part.start == part.end:
            continue
        key = TopicPartition(part.topic, part.partition)
        if key in ends:
            raise FeedbackReadError(f"{key} is in two ranges: expected one each")
        ends[key] = part.end
    return ends


def _read(
    consumer: Any,
    ends: dict[TopicPartition, int],
    deadline: float,
    messages: list[bytes | None],
) -> None:
    """Append the messages below the ends, partition by partition as they come."""
    left = dict(ends)
    while left:
        if time.monotonic() > deadline:
            where = {str(key): consumer.position(key) for key in left}
            raise FeedbackReadError(
                f"deadline passed before the ends {left} were reached, at {where}; "
                "does the topic hold these offsets?"
            )
        for key, batch in consumer.poll(timeout_ms=_POLL_MS).items():
            if key in left:
                messages.extend(one.value for one in batch if one.offset < left[key])
        for key in list(left):
            if consumer.position(key) >= left[key]:
                del left[key]
                consumer.pause(key)


def _decoded(messages: Iterable[bytes | None], ids: SchemaIds) -> FeedbackRead:
    codec = Codec(Feedback, ids)
    records: list[Feedback] = []
    n_undecodable = 0
    for message in messages:
        try:
            records.append(codec.decode(message or b""))
        except AvroError:
            n_undecodable += 1
    return FeedbackRead(records, n_undecodable)


def _text(ranges: Iterable[OffsetRange]) -> str:
    return ", ".join(
        f"{part.topic}[{part.partition}] {part.start}..{part.end}" for part in ranges
    )
