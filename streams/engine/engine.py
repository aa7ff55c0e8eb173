"""Batches -> a stage -> its output topics, its changelog and the group's offsets.

The order that makes a crash harmless, everything in one task:

1. a batch is decoded, admitted and folded into the stage (no await in between);
2. what the stage returns is handed to the producer;
3. at a checkpoint the changed state and the offsets are taken in one step; when all
   output sent so far is acknowledged, the state goes to the changelog; when that is
   acknowledged, those offsets are committed. Batches go on being folded in meanwhile.

Dying between any two of these repeats work and loses none: ids are functions of their
inputs, so that what is sent twice is a duplicate for whoever reads it.
"""

import asyncio
import time
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any

import structlog

from streams.engine import metrics
from streams.engine.checkpoints import (
    Checkpoint,
    Checkpoints,
    Committer,
    EngineConfig,
    FaustProducer,
    wait_for_acks,
)
from streams.engine.early_snapshots import EarlySnapshots
from streams.engine.intake import Intake, Rejected
from streams.engine.outbox import StageOutbox, n_records
from streams.engine.restorer import Restorer
from streams.engine.stage import (
    CountedStage,
    Incoming,
    Output,
    Stage,
)
from streams.engine.transport import Batch
from streams.kafka.dead_letters import dead_letter
from streams.kafka.fetched import TP
from streams.kafka.wire import Wire
from streams.runtime.clock import now_ms

LOG = structlog.get_logger(__name__)

MAX_IN_FLIGHT = 500
"""Unacknowledged record batches after which the stage waits for the broker."""

BEHIND_RECORDS = 10_000
"""A stage so far behind the log's end writes its state less often."""

BEHIND_CHECKPOINT_S = 1.0

MAX_CHANGED = 250_000
"""Changed rows that are not written yet, after which the stage waits for a checkpoint.

So its memory does not depend on how fast the broker takes them: some 100 MB."""


class Engine:
    """Runs one stage for the partitions that the group gives it."""

    def __init__(
        self,
        stage: Stage,
        wire: Wire,
        producer: FaustProducer,
        group: Committer,
        config: EngineConfig,
    ) -> None:
        self.stage = stage
        self.ready = asyncio.Event()
        self._intake = Intake(stage, wire)
        self._outbox = StageOutbox(wire, producer)
        self._wire = wire
        self._producer = producer
        self._group = group
        self._config = config
        self._checkpoints = Checkpoints(stage, producer, group, config)
        self._positions: dict[TP, int] = {}
        self._acks: list[Awaitable[Any]] = []
        self._owned: set[int] = set()
        self._to_restore: set[int] = set()
        self._lock = asyncio.Lock()
        self._checkpointed = time.monotonic()
        self._writing: asyncio.Task[bool] | None = None
        self._is_behind = False

    def load_early(self, early: EarlySnapshots | None) -> None:
        """Take the state of the first partitions from what is being loaded already."""
        if self._checkpoints.snapshots is not None:
            self._checkpoints.snapshots.load_early(early)

    # -- partitions ---------------------------------------------------------------

    async def gain(self, assigned: Iterable[TP]) -> None:
        """Take over partitions: their state comes back before their first record."""
        async with self._lock:
            assigned = set(assigned)
            partitions = {tp.partition for tp in assigned}
            for lost in self._owned - partitions:
                self._drop(lost)
            self._to_restore |= partitions - self._owned
            self._to_restore &= partitions
            self._owned = partitions
            self._checkpoints.reassigned()
            self._positions = {
                tp: offset for tp, offset in self._positions.items() if tp in assigned
            }

    async def lose(self, revoked: Iterable[TP]) -> None:
        """Checkpoint before another worker goes on; distrust the state if too late."""
        if not revoked:
            return
        async with self._lock:
            if not await self._checkpoint():
                LOG.warning("left the group before the checkpoint; state is dropped")
                for partition in self._owned:
                    self._drop(partition)
                self._owned = set()
                self._positions = {}

    def _drop(self, partition: int) -> None:
        self.stage.drop(partition)
        self._checkpoints.drop(partition)

    async def _restore(self) -> None:
        """Bring back the state of the partitions gained."""
        partitions, self._to_restore = self._to_restore, set()
        if self._config.changelog is None:
            return
        started = time.monotonic()
        positions = await self._group.committed(self._sources(partitions))
        restorer = Restorer(
            self.stage, self._intake, self._wire, self._checkpoints.snapshots
        )
        ends = await restorer.restore(
            self._config.connection, self._config.changelog, partitions, positions
        )
        self._checkpoints.restored(ends)
        # An idle worker's snapshot, too, has to say what it includes.
        known = {tp: offset for tp, offset in positions.items() if offset > 0}
        self._positions = known | self._positions
        LOG.info(
            "state restored",
            stage=self.stage.name,
            partitions=sorted(partitions),
            from_snapshot=sorted(restorer.from_snapshot),
            rows=restorer.n_records,
            seconds=round(time.monotonic() - started, 3),
        )

    def _sources(self, partitions: Iterable[int]) -> set[TP]:
        return {
            TP(self._wire.name(self._wire.topic_of(source)), partition)
            for source in self.stage.sources
            for partition in partitions
        }

    # -- records ------------------------------------------------------------------

    async def on_batch(self, batch: Batch) -> None:
        """Fold one fetch in, send what follows, checkpoint when it is time."""
        async with self._lock:
            if batch.generation != self._group.generation:
                return
            if self._to_restore:
                await self._restore()
            self.ready.set()
            await self._fold(batch)
            await self._checkpoint_in_time()

    async def inject(self, incoming: Sequence[Incoming]) -> None:
        """Fold in records that come from outside the group (broadcast topics)."""
        async with self._lock:
            await self._send(self.stage.step(incoming, now_ms()))

    async def _fold(self, batch: Batch) -> None:
        now = now_ms()
        with metrics.STEP_SECONDS.labels(self.stage.name).time():
            taken = self._intake.take(batch.records, self._positions, now)
            outgoing = [*taken.outgoing, *self.stage.tick(now)]
        metrics.RECORDS_IN.labels(self.stage.name).inc(taken.n_records)
        self._is_behind = taken.n_behind > BEHIND_RECORDS
        for rejected in taken.rejected:
            await self._reject(rejected)
        await self._send(outgoing)
        if len(self._acks) > MAX_IN_FLIGHT:
            acks, self._acks = self._acks, []
            await wait_for_acks(acks)

    async def _send(self, outgoing: Sequence[Output]) -> None:
        metrics.RECORDS_OUT.labels(self.stage.name).inc(n_records(outgoing))
        self._acks += await self._outbox.send(outgoing)

    async def _reject(self, rejected: Rejected) -> None:
        """Send a bad record to its dead letters, if that is this stage's task."""
        if self._wire.topic(rejected.topic).checked_by != self.stage.name:
            return
        letter = dead_letter(
            topic=rejected.topic,
            partition=rejected.partition,
            offset=rejected.offset,
            key=rejected.key,
            value=rejected.value,
            stage=self.stage.name,
            reason=rejected.reason,
        )
        metrics.DEAD_LETTERS.labels(self.stage.name, letter.topic).inc()
        LOG.warning(
            "dead letter",
            topic=rejected.topic,
            offset=rejected.offset,
            why=rejected.reason,
        )
        await self._produce(letter.topic, letter.key, letter.value, 0, letter.headers)

    async def _produce(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        headers: Any,
    ) -> None:
        self._acks.append(
            await self._producer.send(
                topic, key, value, partition, timestamp=None, headers=headers
            )
        )

    # -- checkpoint ---------------------------------------------------------------

    async def stop(self) -> None:
        """Checkpoint one last time."""
        async with self._lock:
            await self._checkpoint()

    async def _checkpoint_in_time(self) -> None:
        """Begin a checkpoint when one is due and none is being written."""
        is_full = self._is_full()
        if self._writing is not None:
            if not (is_full or self._writing.done()):
                return
            await self._written()
        wait_s = self._config.checkpoint_s
        if self._is_behind:
            wait_s = max(wait_s, BEHIND_CHECKPOINT_S)
        if is_full or time.monotonic() - self._checkpointed >= wait_s:
            checkpoint = self._take()
            if not self._checkpoints.says_nothing(checkpoint):
                writing = self._checkpoints.write(checkpoint)
                self._writing = asyncio.create_task(writing)

    def _is_full(self) -> bool:
        stage = self.stage
        return isinstance(stage, CountedStage) and stage.n_changed() >= MAX_CHANGED

    async def _checkpoint(self) -> bool:
        """Write all changed state, commit; False if out of the group."""
        await self._written()
        return await self._checkpoints.write(self._take())

    async def _written(self) -> bool:
        """Wait for the checkpoint that is being written."""
        writing, self._writing = self._writing, None
        return writing is None or await writing

    def _take(self) -> Checkpoint:
        self._checkpointed = time.monotonic()
        acks, self._acks = self._acks, []
        return self._checkpoints.take(self._positions, acks)
