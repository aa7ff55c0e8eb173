"""The feedback topic from given offsets on -> records, as they come. No group."""

from collections.abc import Mapping
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from model_export.feedback.topic import FeedbackReadError
from schemas.avro import AvroError, Codec, SchemaIds
from schemas.records import Feedback, OffsetRange


class FeedbackTail:
    """Reads on from where a version stopped learning.

    Offsets that are no longer kept are passed over: the oldest that there is comes
    first.

    Args:
        kafka_config: arguments of kafka-python's KafkaConsumer (bootstrap_servers, …).
        topic: feedback topic.
        n_partitions: of it.
        starts: partition -> first offset; 0 where it is not named.
        ids: schema ids for the codec.
    """

    def __init__(
        self,
        kafka_config: Mapping[str, Any],
        topic: str,
        n_partitions: int,
        starts: Mapping[int, int],
        ids: SchemaIds,
    ) -> None:
        self.n_undecodable = 0
        self._codec = Codec(Feedback, ids)
        self._topic = topic
        self._keys = [TopicPartition(topic, number) for number in range(n_partitions)]
        self._starts = {key: starts.get(key.partition, 0) for key in self._keys}
        self._ends = dict(self._starts)
        self._consumer = KafkaConsumer(
            **kafka_config,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
            max_poll_records=5_000,
        )
        self._consumer.assign(self._keys)
        for key, start in self._starts.items():
            self._consumer.seek(key, start)

    def read(self, timeout_ms: int) -> list[tuple[int, Feedback]]:
        """Return what has come since the last call: (partition, record).

        Raises:
            FeedbackReadError: the broker does not answer as it should.
        """
        try:
            polled = self._consumer.poll(timeout_ms=timeout_ms)
        except KafkaError as error:
            raise FeedbackReadError(f"cannot read {self._topic}: {error}") from error
        records = []
        for key, batch in polled.items():
            for message in batch:
                self._ends[key] = message.offset + 1
                try:
                    record = self._codec.decode(message.value or b"")
                except AvroError:
                    self.n_undecodable += 1
                else:
                    records.append((key.partition, record))
        return records

    @property
    def n_read(self) -> int:
        """Records up to where it has come, all partitions together."""
        return sum(self._ends.values())

    @property
    def lag(self) -> int:
        """Records that are known to lie ahead."""
        lag = 0
        for key in self._keys:
            high = self._consumer.highwater(key)
            lag += max(0, (high or 0) - self._ends[key])
        return lag

    @property
    def ranges(self) -> tuple[OffsetRange, ...]:
        """What was read, by partition."""
        return tuple(
            OffsetRange(
                topic=self._topic,
                partition=key.partition,
                start=self._starts[key],
                end=end,
            )
            for key, end in self._ends.items()
            if end > self._starts[key]
        )

    def close(self) -> None:
        """Let go of the broker."""
        self._consumer.close()
