"""Kafka -> batches: a Faust transport that hands over whole fetches.

Faust's own consumer passes one message at a time through two futures, which is where
its time goes (4,600 events a second). Here Faust keeps what it is good at (the app's
life cycle, the group, rebalances, the commit call); the bytes come by a `Fetcher` of
our own, and a fetch reaches the agent as one value.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import aiokafka
import structlog
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.structs import TopicPartition
from faust import types
from faust.transport.drivers import aiokafka as driver

from streams.errors import StateError
from streams.kafka.batch_header import CorruptBatchError
from streams.kafka.connection import Connection
from streams.kafka.fetch_cluster import EARLIEST
from streams.kafka.fetched import TP, Fetched
from streams.kafka.fetcher import Fetcher
from streams.kafka.record_batches import RecordSet, parse

LOG = structlog.get_logger(__name__)

POLL_S = 0.05
"""Longest wait for records: a stage's clock ticks at least this often."""

FETCH_MAX_WAIT_MS = 100
MAX_CORRUPT = 3
"""Fetches of one broken batch before the worker ends: it may be the wire."""

_NEVER_S = 2_000_000.0
"""The group's poll interval. aiokafka's fetcher is not polled; whether this worker
lives is watched by `StageApp`."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One fetch, checked; empty when only time passed."""

    records: Sequence[RecordSet]
    generation: int
    """Group generation it was fetched in; a batch of an older one is void."""


class _GroupThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread, for the group alone: membership, commits.

    Its assignor keeps topics co-partitioned. Faust falls back to round robin when an
    app has no Faust tables; that gives partition 1 of two topics to two different
    workers as soon as there are three.
    """

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        settings = {
            "_partition_assignment_strategy": (RangePartitionAssignor,),
            # Its own fetcher takes one batch of each partition, and nobody asks it for
            # more.
            "_max_partition_fetch_bytes": 1,
            "_fetch_max_wait_ms": FETCH_MAX_WAIT_MS,
            "_max_poll_interval_ms": int(_NEVER_S * 1000),
        }
        for name, value in settings.items():
            if not hasattr(consumer, name):
                raise StateError(
                    f"aiokafka has renamed {name}: expected the release in "
                    "constraints.txt; the group cannot be joined as it has to be"
                )
            setattr(consumer, name, value)
        return consumer


class BatchConsumer(driver.Consumer):
    """Faust consumer that gives whole fetches to `deliver`."""

    deliver: Callable[[Batch], Awaitable[None]]
    connection: Connection
    """For the fetcher."""
    rewound_topics: frozenset[str] = frozenset()
    """Topics read from their beginning whenever a partition is gained."""
    generation = 0
    _assigned_generation = -1
    _n_corrupt = 0

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return _GroupThread(self, loop=self.loop, beacon=self.beacon)

    async def on_partitions_revoked(self, revoked: set[types.TP]) -> None:
        """Void the batches in flight, then let Faust go on."""
        await super().on_partitions_revoked(revoked)
        self.generation += 1

    async def on_partitions_assigned(
        self, assigned: set[types.TP], generation_id: int = 0
    ) -> None:
        """Start a generation: positions are looked up before its first fetch."""
        self.generation += 1
        await super().on_partitions_assigned(assigned, generation_id)

    async def commit_offsets(self, offsets: Mapping[TP, int]) -> bool:
        """Commit exactly these offsets; False when the group has moved on."""
        return await self._commit({types.TP(*tp): at for tp, at in offsets.items()})

    async def committed(self, partitions: set[TP]) -> dict[TP, int]:
        """Return where to read on in each partition; -2 where it was never read."""
        thread: Any = self._thread
        consumer: aiokafka.AIOKafkaConsumer = thread._ensure_consumer()  # noqa: SLF001 - no public way
        ordered = sorted(partitions)
        offsets = await asyncio.gather(
            *(
                thread.call_thread(consumer.committed, TopicPartition(*tp))
                for tp in ordered
            )
        )
        return {
            tp: EARLIEST
            if offset is None or tp.topic in self.rewound_topics
            else offset
            for tp, offset in zip(ordered, offsets, strict=True)
        }

    async def _drain_messages(self, fetcher: Any) -> None:
        """Fetch for as long as the worker runs. Called by Faust's Fetcher."""
        batches = Fetcher(self.connection, max_wait_ms=FETCH_MAX_WAIT_MS)
        await batches.start()
        try:
            while not (self.should_stop or fetcher.should_stop):
                if self.flow_active:
                    await self._fetch(batches)
                else:  # a rebalance
                    await self.wait(cast(Any, self.can_resume_flow))
        except self.consumer_stopped_errors:
            if not self.transport.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.transport.app.should_stop:
                raise
        finally:
            await batches.stop()

    async def _fetch(self, batches: Fetcher) -> None:
        """Deliver one fetch of the present generation."""
        generation = self.generation
        if self._assigned_generation != generation:
            positions = await self.committed({TP(*tp) for tp in self.assignment()})
            if generation != self.generation:
                return
            batches.assign(positions)
            self._assigned_generation = generation
        fetched = await batches.fetch(POLL_S)
        if self.should_stop or generation != self.generation or not self.flow_active:
            return
        parsed = [records for one in fetched if (records := self._parse(batches, one))]
        await self.deliver(Batch(parsed, generation))

    def _parse(self, batches: Fetcher, fetched: Fetched) -> RecordSet | None:
        """Check a fetch; what is corrupt is fetched again before it is an error."""
        try:
            records = parse(fetched)
        except CorruptBatchError:
            self._n_corrupt += 1
            if self._n_corrupt >= MAX_CORRUPT:
                raise
            LOG.exception("corrupt batch; it is fetched again")
            batches.seek(fetched.tp, fetched.position)
            return None
        self._n_corrupt = 0
        return records


class BatchTransport(driver.Transport):
    """Kafka transport of a batched worker."""

    Consumer = BatchConsumer
