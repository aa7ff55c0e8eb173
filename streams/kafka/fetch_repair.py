"""Partitions without a leader or an offset -> partitions that can be fetched.

Runs beside the fetching, and tries again for ever: each failure of a partition doubles
its pause, an answer with records or without ends it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

import structlog
from aiokafka.errors import KafkaError

from streams.kafka.connection import Connection
from streams.kafka.fetch_buffers import BufferPool
from streams.kafka.fetch_cluster import Cluster, Node
from streams.kafka.fetch_leader import Leader, LeaderEvents, Partition
from streams.kafka.fetch_protocol import FetchLimits
from streams.kafka.fetched import TP

LOG = structlog.get_logger(__name__)

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0
_MAX_DOUBLINGS = 10
_METADATA_S = 10.0

_TROUBLE = (KafkaError, OSError, TimeoutError)


class Repair:
    """Leaders, their connections, and the search for what is missing.

    Args:
        connection: how to connect.
        limits: of each Fetch request.
        pool: memory of responses.
        events: who is told of what leaders answer.
    """

    def __init__(
        self,
        connection: Connection,
        limits: FetchLimits,
        pool: BufferPool,
        events: LeaderEvents,
    ) -> None:
        self._cluster = Cluster(connection)
        self._connection = connection
        self._limits = limits
        self._pool = pool
        self._events = events
        self._leaders: dict[int, Leader] = {}
        self._partitions: Mapping[TP, Partition] = {}
        self._look = asyncio.Event()
        self._unsaid: dict[str, list[Partition]] = {}
        """Failures to be logged, by reason: a broker fails with all its partitions."""

    async def start(self) -> None:
        """Find the cluster; UnavailableError when no bootstrap address answers."""
        await self._cluster.start()

    async def stop(self) -> None:
        """Close every connection."""
        for leader in self._leaders.values():
            leader.close()
        self._leaders = {}
        await self._cluster.stop()

    async def partitions_of(self, topic: str) -> list[TP]:
        """Return the partitions of a topic; see `Fetcher`."""
        await self._cluster.refresh({topic}, is_stale=True)
        return self._cluster.partitions_of(topic)

    def leaders(self) -> list[Leader]:
        """Return those that are connected."""
        return list(self._leaders.values())

    def look_at(self, partitions: Mapping[TP, Partition]) -> None:
        """Repair what these lack."""
        self._partitions = partitions
        self._look.set()

    def failed(self, partition: Partition, reason: object) -> None:
        """Search for another leader after a pause, longer each time."""
        now = asyncio.get_running_loop().time()
        pause_s = _FIRST_PAUSE_S * 2 ** min(partition.n_failures, _MAX_DOUBLINGS)
        partition.leader = None
        partition.is_stale = True
        partition.n_failures += 1
        partition.retry_at = now + min(pause_s, _LONGEST_PAUSE_S)
        if not self._unsaid:
            asyncio.get_running_loop().call_soon(self._say)
        self._unsaid.setdefault(str(reason), []).append(partition)
        self._look.set()

    def _say(self) -> None:
        """Log one line a reason for all that failed in this turn of the loop."""
        unsaid, self._unsaid = self._unsaid, {}
        for reason, partitions in unsaid.items():
            topics = {partition.tp.topic for partition in partitions}
            LOG.warning(
                "partitions not fetched",
                topics=sorted(topics),
                n_partitions=len(partitions),
                reason=reason,
                tried=max(partition.n_failures for partition in partitions),
            )

    def lost(self, leader: Leader, reason: object) -> None:
        """Forget a connection that has ended."""
        if self._leaders.get(leader.node.id) is leader:
            del self._leaders[leader.node.id]
        for partition in self._partitions.values():
            if partition.leader is leader:
                self.failed(partition, reason)

    async def run(self, on_repaired: Callable[[], None]) -> None:
        """Repair for ever.

        Args:
            on_repaired: called when more may be fetched.

        Raises:
            StateError: a topic may not be read, or a broker is too old.
        """
        while True:
            await self._settle(await self._next_due())
            on_repaired()

    async def _next_due(self) -> list[Partition]:
        loop = asyncio.get_running_loop()
        while True:
            self._look.clear()
            unsettled = [p for p in self._partitions.values() if not p.is_settled]
            due = [p for p in unsettled if p.retry_at <= loop.time()]
            if due:
                return due
            soonest = min((p.retry_at for p in unsettled), default=None)
            with suppress(TimeoutError):
                async with asyncio.timeout_at(soonest):
                    await self._look.wait()

    async def _settle(self, due: Iterable[Partition]) -> None:
        due = list(due)
        try:
            await self._learn_leaders(is_stale=any(p.is_stale for p in due))
        except _TROUBLE as error:
            for partition in due:
                self.failed(partition, f"metadata: {error!r}")
            return
        by_node: dict[Node, list[Partition]] = defaultdict(list)
        for partition in due:
            node = self._cluster.leader(partition.tp)
            if node is None:
                self.failed(partition, "it has no leader, or does not exist")
            else:
                by_node[node].append(partition)
        await asyncio.gather(*(self._settle_at(*each) for each in by_node.items()))

    async def _learn_leaders(self, *, is_stale: bool) -> None:
        partitions = list(self._partitions.values())
        topics = {partition.tp.topic for partition in partitions}
        async with asyncio.timeout(_METADATA_S):
            await self._cluster.refresh(topics, is_stale=is_stale)
        for partition in partitions:
            partition.is_stale = False

    async def _settle_at(self, node: Node, due: list[Partition]) -> None:
        sought = [partition.tp for partition in due if partition.position < 0]
        try:
            leader = await self._leader_at(node)
            earliest = await self._cluster.earliest(node, sought) if sought else {}
        except _TROUBLE as error:
            for partition in due:
                self.failed(partition, f"broker {node.host}:{node.port}: {error!r}")
            return
        for partition in due:
            if partition.position < 0 and partition.tp not in earliest:
                self.failed(partition, "its leader does not know its first offset")
                continue
            if partition.position < 0:
                _begin_at(partition, earliest[partition.tp])
            if self._leaders.get(node.id) is leader:  # still connected
                partition.leader = leader

    async def _leader_at(self, node: Node) -> Leader:
        if node.id not in self._leaders:
            leader = Leader(node, self._limits, self._events)
            self._leaders[node.id] = await leader.connect(self._connection, self._pool)
        return self._leaders[node.id]


def _begin_at(partition: Partition, earliest: int) -> None:
    if partition.out_of_range is not None:
        LOG.warning(
            "offset out of range, going on at the earliest; records may be missing",
            topic=partition.tp.topic,
            partition=partition.tp.partition,
            expected=partition.out_of_range,
            earliest=earliest,
        )
        partition.out_of_range = None
    partition.position = earliest
