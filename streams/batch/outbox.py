"""A stage's output -> record batches, one request to a leader for all of a step's."""

from collections.abc import Awaitable, Iterable
from typing import Any

from streams.batch.messages import records_section
from streams.batch.prebuilt import aiokafka_producer, send_prebuilt
from streams.batch.wire import Wire
from streams.core.stage import Outgoing

MAX_BATCH_BYTES = 800_000
"""A record batch stays below Kafka's default limit of 1 MB."""

_OVERHEAD = 32

Pair = tuple[bytes | None, bytes | None]


class Outbox:
    """Sends what a stage returns, in order per partition.

    Args:
        wire: names, codecs and partitions.
        producer: Faust's.
    """

    def __init__(self, wire: Wire, producer: Any) -> None:
        self._wire = wire
        self._producer = producer

    async def send(self, outgoing: Iterable[Outgoing]) -> list[Awaitable[Any]]:
        """Queue records; the results are done when all replicas have them.

        Raises:
            AvroError: a record does not fit its schema.
            KafkaError: a topic does not exist.
        """
        by_partition = self._by_partition(outgoing)
        return [
            await send_prebuilt(
                aiokafka_producer(self._producer),
                topic,
                partition,
                records_section(batch),
                len(batch),
            )
            for (topic, partition), pairs in by_partition.items()
            for batch in _batches(pairs)
        ]

    def _by_partition(
        self, outgoing: Iterable[Outgoing]
    ) -> dict[tuple[str, int], list[Pair]]:
        found: dict[tuple[str, int], list[Pair]] = {}
        for out in outgoing:
            topic = self._wire.topic_of(out.record)
            value = out.value
            if value is not None and not isinstance(value, bytes):
                value = self._wire.codec(out.record).encode(value)
            key = out.key.encode()
            if topic.single_partition:
                partition = 0
            else:
                decisive = out.partition_key or out.key
                partition = self._wire.partition_of(decisive)
            pairs = found.setdefault((self._wire.name(topic), partition), [])
            pairs.append((key, value))
        return found


def _batches(pairs: list[Pair]) -> Iterable[list[Pair]]:
    """Yield pairs together that fit a record batch."""
    batch: list[Pair] = []
    size = 0
    for key, value in pairs:
        n = len(key or b"") + len(value or b"") + _OVERHEAD
        if batch and size + n > MAX_BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append((key, value))
        size += n
    if batch:
        yield batch
