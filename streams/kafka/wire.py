"""Topic names, codecs and partitions as one deployment has them."""

from typing import Any, TypeVar, cast

from schemas.avro import Codec, SchemaIds
from schemas.records import Record
from streams.columns.keys import partition_of
from streams.kafka.topics import TOPICS, Topic

R = TypeVar("R", bound=Record)


class Wire:
    """How records of one deployment look on the wire."""

    def __init__(self, ids: SchemaIds, prefix: str = "", n_partitions: int = 4) -> None:
        self._prefix = prefix
        self._n_partitions = n_partitions
        self._by_name = {prefix + topic.name: topic for topic in TOPICS}
        self._by_record = {topic.record: topic for topic in TOPICS}
        self._codecs: dict[type[Record], Codec[Any]] = {
            topic.record: Codec(topic.record, ids) for topic in TOPICS
        }

    def name(self, topic: Topic) -> str:
        """Return the topic's name in this deployment."""
        return self._prefix + topic.name

    def topic(self, name: str) -> Topic:
        """Return the topic with this deployed name."""
        return self._by_name[name]

    def topic_of(self, record: type[Record]) -> Topic:
        """Return the one topic that carries this record."""
        return self._by_record[record]

    def codec(self, record: type[R]) -> Codec[R]:
        """Return the codec of a record type."""
        return cast(Codec[R], self._codecs[record])

    def n_partitions(self, topic: Topic) -> int:
        """Return how many partitions a topic has."""
        return 1 if topic.single_partition else self._n_partitions

    def partition_of(self, topic: Topic, key: str) -> int:
        """Return the partition of a topic that Kafka's default partitioner gives `key`.

        See `streams.columns.keys.partition_of`.
        """
        return partition_of(key.encode(), self.n_partitions(topic))
