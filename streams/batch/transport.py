"""Kafka fetches -> batches: a Faust transport that hands over whole fetches.

Faust's own consumer passes one message at a time through two futures, which is where
its time goes (4,600 events a second). Here Faust keeps what it is good at (the app's
life cycle, the group, rebalances, the commit call) and a fetch reaches the agent as
one value.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import aiokafka
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.errors import StateError

POLL_S = 0.05
"""Longest wait for records: a stage's clock ticks at least this often."""

FETCH_MAX_WAIT_MS = 500


@dataclass(frozen=True, slots=True)
class Batch:
    """One fetch: aiokafka records by topic partition; empty when only time passed."""

    records: Mapping[TP, Sequence[Any]]
    generation: int
    """Group generation it was fetched in; a batch of an older one is void."""


class _RangeAssignedThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread, with an assignor that keeps topics co-partitioned.

    Faust falls back to round robin when an app has no Faust tables; that gives
    partition 1 of two topics to two different workers as soon as there are three.
    """

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        if not hasattr(consumer, "_partition_assignment_strategy"):
            raise StateError(
                "aiokafka has renamed _partition_assignment_strategy: expected the "
                "release in constraints.txt; co-partitioning cannot be kept"
            )
        consumer._partition_assignment_strategy = (  # noqa: SLF001 - no public way
            RangePartitionAssignor,
        )
        consumer._fetch_max_wait_ms = FETCH_MAX_WAIT_MS  # noqa: SLF001 - hard-coded by Faust
        return consumer


class BatchConsumer(driver.Consumer):
    """Faust consumer that gives whole fetches to `deliver`."""

    deliver: Callable[[Batch], Awaitable[None]]
    rewound_topics: frozenset[str] = frozenset()
    """Topics read from their beginning whenever a partition is gained."""
    generation = 0

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return _RangeAssignedThread(self, loop=self.loop, beacon=self.beacon)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Void the batches in flight, then let Faust go on."""
        await super().on_partitions_revoked(revoked)
        self.generation += 1

    async def on_partitions_assigned(
        self, assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Remember what has to be rewound before the next fetch."""
        self.generation += 1
        self._to_rewind = self._rewound(assigned)
        await super().on_partitions_assigned(assigned, generation_id)

    async def commit_offsets(self, offsets: Mapping[TP, int]) -> bool:
        """Commit exactly these offsets; False when the group has moved on."""
        return await self._commit(offsets)

    async def _drain_messages(self, fetcher: Any) -> None:
        """Fetch for as long as the worker runs. Called by Faust's Fetcher."""
        try:
            while not (self.should_stop or fetcher.should_stop):
                if self.flow_active:
                    await self._fetch()
                else:  # a rebalance; Faust seeks before it resumes the flow
                    await self.wait(cast(Any, self.can_resume_flow))
        except self.consumer_stopped_errors:
            if not self.transport.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.transport.app.should_stop:
                raise

    async def _fetch(self) -> None:
        """Deliver one fetch, or note that a rebalance tore it."""
        await self._seek_again()
        generation = self.generation
        records, _ = await self._wait_next_records(POLL_S)
        if self.should_stop:
            return
        if generation == self.generation and self.flow_active:
            await self.deliver(Batch(records or {}, generation))
        else:
            self._is_torn = True

    _is_torn = False
    """A fetch spanned a rebalance: its records are void, but the position moved."""
    _to_rewind: Iterable[TP] = ()

    async def _seek_again(self) -> None:
        """Go back to what was committed after a torn fetch; rewind what must be."""
        if self._is_torn:
            self._is_torn = False
            await self.perform_seek()
            self._to_rewind = self._rewound(self.assignment())
        partitions, self._to_rewind = self._to_rewind, ()
        if partitions:
            await self.seek_wait(dict.fromkeys(partitions, 0))

    def _rewound(self, partitions: Iterable[TP]) -> set[TP]:
        return {tp for tp in partitions if tp.topic in self.rewound_topics}


class BatchTransport(driver.Transport):
    """Kafka transport of a batched worker."""

    Consumer = BatchConsumer
