"""A stage's output -> record batches, one request to a leader for all of a step's."""

from collections.abc import Awaitable, Iterable, Iterator
from typing import Any

from streams.columns.batches import Pair, Sections, partitioned, sections
from streams.columns.encoded import Encoded
from streams.engine.stage import Outgoing, Output
from streams.kafka.prebuilt import aiokafka_producer, send_prebuilt
from streams.kafka.topics import Topic
from streams.kafka.wire import Wire


class StageOutbox:
    """Sends what a stage returns, in order per partition.

    Records of a step that came one by one go before those that came encoded: a stage
    writes each of its topics in one of the two ways.

    Args:
        wire: names, codecs and partitions.
        producer: Faust's.
    """

    def __init__(self, wire: Wire, producer: Any) -> None:
        self._wire = wire
        self._producer = producer

    async def send(self, outgoing: Iterable[Output]) -> list[Awaitable[Any]]:
        """Queue records; the results are done when all replicas have them.

        Raises:
            AvroError: a record does not fit its schema.
            KafkaError: a topic does not exist.
        """
        return [
            await send_prebuilt(
                aiokafka_producer(self._producer), topic, partition, *section
            )
            for topic, partition, batches in self._batches(outgoing)
            for section in batches
        ]

    def _batches(
        self, outgoing: Iterable[Output]
    ) -> Iterator[tuple[str, int, Sections]]:
        """Yield topic, partition and what goes there."""
        single: dict[tuple[str, int], list[Pair]] = {}
        blocks: dict[Topic, list[Encoded]] = {}
        for out in outgoing:
            topic = self._wire.topic_of(out.record)
            if isinstance(out, Encoded):
                blocks.setdefault(topic, []).append(out)
            else:
                decisive = out.partition_key or out.key
                partition = self._wire.partition_of(topic, decisive)
                place = self._wire.name(topic), partition
                single.setdefault(place, []).append(self._pair(out))
        for (name, partition), pairs in single.items():
            yield name, partition, sections(pairs)
        for topic, together in blocks.items():
            found = partitioned(together, self._wire.n_partitions(topic))
            for partition, batches in found.items():
                yield self._wire.name(topic), partition, batches

    def _pair(self, out: Outgoing) -> Pair:
        value = out.value
        if value is not None and not isinstance(value, bytes):
            value = self._wire.codec(out.record).encode(value)
        return out.key.encode(), value


def n_records(outgoing: Iterable[Output]) -> int:
    """Return how many records a stage's output is."""
    return sum(len(out) if isinstance(out, Encoded) else 1 for out in outgoing)
