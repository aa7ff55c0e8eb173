"""Bootstrap addresses -> who leads a partition, and where its log begins.

The slow and rare part of fetching, left to aiokafka: metadata, retries over brokers,
authentication.
"""

from collections import defaultdict
from collections.abc import Iterable, Set as AbstractSet
from typing import NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.offset import OffsetRequest

from streams.errors import StateError
from streams.kafka.connection import Connection, explained
from streams.kafka.fetched import TP
from streams.kafka.refusals import may_not

EARLIEST = -2
"""Position that stands for the first offset that the broker still has."""

_NO_LEADER = -1
_ANY_REPLICA = -1
_READ_UNCOMMITTED = 0


class Node(NamedTuple):
    """One broker."""

    id: int
    host: str
    port: int


class Cluster:
    """Metadata of a cluster.

    Args:
        connection: how to connect.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._started: AIOKafkaClient | None = None
        self._topics: AbstractSet[str] = frozenset()

    @property
    def _client(self) -> AIOKafkaClient:
        if self._started is None:
            raise RuntimeError("a cluster is asked before start() or after stop()")
        return self._started

    async def start(self) -> None:
        """Find the cluster.

        Raises:
            UnavailableError: none of the bootstrap addresses answers.
            ConfigurationError: the brokers refuse this client, or it them.
        """
        client = AIOKafkaClient(**self._connection.arguments)
        try:
            async with explained(self._connection):
                await client.bootstrap()
        except BaseException:
            await client.close()
            raise
        self._started = client

    async def stop(self) -> None:
        """Close the connections."""
        client, self._started = self._started, None
        if client is not None:
            await client.close()

    async def refresh(self, topics: AbstractSet[str], *, is_stale: bool) -> None:
        """Learn who leads these topics, unless that is known.

        Args:
            topics: all that are fetched.
            is_stale: what is known has turned out to be wrong.

        Raises:
            StateError: a topic may not be read.
            KafkaError, OSError, TimeoutError: no broker answers.
        """
        if is_stale or not topics <= self._topics:
            self._client.set_topics(topics)
            if not await self._client.force_metadata_update():
                # The brokers may have moved: ask at the addresses of the beginning.
                await self._client.bootstrap()
            self._topics = frozenset(topics)
        refused = self._client.cluster.unauthorized_topics & topics
        if refused:
            raise StateError(may_not(f"topic {min(refused)}", "READ it"))

    def partitions_of(self, topic: str) -> list[TP]:
        """Return the partitions of a topic that `refresh` has asked for."""
        found = self._client.cluster.partitions_for_topic(topic) or ()
        return [TP(topic, partition) for partition in sorted(found)]

    def leader(self, tp: TP) -> Node | None:
        """Return who leads a partition; None when nobody is known to."""
        node = self._client.cluster.leader_for_partition(tp)
        if node is None or node == _NO_LEADER:
            return None
        broker = self._client.cluster.broker_metadata(node)
        return None if broker is None else Node(node, broker.host, broker.port)

    async def earliest(self, node: Node, partitions: Iterable[TP]) -> dict[TP, int]:
        """Return the first offset of each partition that this leader answers for.

        Raises:
            KafkaError, OSError, TimeoutError: it does not answer.
        """
        asked = defaultdict(list)
        for tp in partitions:
            asked[tp.topic].append((tp.partition, EARLIEST))
        response = await self._client.send(
            node.id, OffsetRequest(_ANY_REPLICA, _READ_UNCOMMITTED, [*asked.items()])
        )
        return {
            TP(topic, partition): offset
            for topic, answers in response.topics
            for partition, error, _, offset in answers
            if not error and offset >= 0
        }
