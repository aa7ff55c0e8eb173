"""Batches -> a stage -> its output topics, its changelog and the group's offsets.

The order that makes a crash harmless, everything in one task:

1. a batch is decoded, admitted and folded into the stage (no await in between);
2. what the stage returns is handed to the producer;
3. at a checkpoint the changed state and the offsets are taken in one step; the state
   goes to the changelog; only when every record sent so far is acknowledged are
   those offsets committed. Batches go on being folded in meanwhile.

Dying between any two of these repeats work and loses none: ids are functions of their
inputs, so that what is sent twice is a duplicate for whoever reads it.
"""

import asyncio
import time
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import structlog
from faust.types import TP

from streams.batch import metrics
from streams.batch.intake import Intake, Rejected
from streams.batch.prebuilt import aiokafka_producer, send_in_waves
from streams.batch.restorer import Restorer
from streams.batch.snapshots import Snapshots
from streams.batch.transport import Batch
from streams.batch.wire import Wire
from streams.core.stage import (
    Incoming,
    Outgoing,
    Section,
    SectionedStage,
    SnapshottedStage,
    Stage,
    StateRow,
)
from streams.dead_letters import dead_letter
from streams.errors import StateError

LOG = structlog.get_logger(__name__)

MAX_IN_FLIGHT = 20_000
"""Unacknowledged records after which the stage waits for the broker."""

BEHIND_RECORDS = 10_000
"""A stage so far behind the log's end writes its state less often."""

BEHIND_CHECKPOINT_S = 1.0


class Producer(Protocol):
    """What the engine asks of a Kafka producer (Faust's has this shape)."""

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: Any,
    ) -> Awaitable[Any]:
        """Queue a record; the result is done when the broker has it."""


class Group(Protocol):
    """What the engine asks of the consumer."""

    generation: int

    async def committed(self, partitions: set[TP]) -> dict[TP, int]:
        """Return where partitions are read from; -2 is the earliest there is."""

    async def commit_offsets(self, offsets: Mapping[TP, int]) -> bool:
        """Commit; False when this member is no longer in the group."""


@dataclass(frozen=True)
class EngineConfig:
    """How one stage is run."""

    changelog: str | None
    """Topic of the stage's state; None for a stage that keeps none."""
    is_output: bool
    """True when that topic is also what the stage is there for."""
    checkpoint_s: float
    connection: dict[str, Any]
    """aiokafka's connection arguments, for reading the changelog."""
    snapshots: Path | None = None
    """Folder of the stage's snapshots; None for none."""
    snapshot_s: float = 60.0


@dataclass(frozen=True, slots=True)
class _Checkpoint:
    """State, offsets and unacknowledged output of one instant."""

    rows: list[StateRow]
    sections: list[Section]
    offsets: dict[TP, int]
    acks: list[Awaitable[Any]]
    part: bytes | None
    """Of a snapshot."""
    started: float = field(default_factory=time.monotonic)


class Engine:
    """Runs one stage for the partitions that the group gives it."""

    def __init__(
        self,
        stage: Stage,
        wire: Wire,
        producer: Producer,
        group: Group,
        config: EngineConfig,
    ) -> None:
        self.stage = stage
        self.ready = asyncio.Event()
        self._intake = Intake(stage, wire)
        self._wire = wire
        self._producer = producer
        self._group = group
        self._config = config
        self._positions: dict[TP, int] = {}
        self._acks: list[Awaitable[Any]] = []
        self._owned: set[int] = set()
        self._to_restore: set[int] = set()
        self._lock = asyncio.Lock()
        self._checkpointed = time.monotonic()
        self._writing: asyncio.Task[bool] | None = None
        self._is_behind = False
        self._changelog_ends: dict[int, int] = {}
        self._snapshots: Snapshots | None = None
        if (
            config.snapshots
            and config.changelog
            and isinstance(stage, SnapshottedStage)
        ):
            self._snapshots = Snapshots(
                stage, config.snapshots, config.changelog, config.snapshot_s
            )

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
        self._changelog_ends.pop(partition, None)
        if self._snapshots is not None and self._snapshots.partition() == partition:
            self._snapshots.abandon()

    async def _restore(self) -> None:
        """Bring back the state of the partitions gained."""
        partitions, self._to_restore = self._to_restore, set()
        if self._config.changelog is None:
            return
        started = time.monotonic()
        positions = await self._group.committed(self._sources(partitions))
        restorer = Restorer(self.stage, self._intake, self._wire, self._snapshots)
        ends = await restorer.restore(
            self._config.connection, self._config.changelog, partitions, positions
        )
        self._changelog_ends |= ends
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
            for out in self.stage.step(incoming, _now_ms()):
                await self._send(out)

    async def _fold(self, batch: Batch) -> None:
        now = _now_ms()
        with metrics.STEP_SECONDS.labels(self.stage.name).time():
            taken = self._intake.take(batch.records, self._positions, now)
            outgoing = taken.outgoing + self.stage.tick(now)
        metrics.RECORDS_IN.labels(self.stage.name).inc(taken.n_records)
        self._is_behind = taken.n_behind > BEHIND_RECORDS
        for rejected in taken.rejected:
            await self._reject(rejected)
        for out in outgoing:
            await self._send(out)
        if len(self._acks) > MAX_IN_FLIGHT:
            acks, self._acks = self._acks, []
            await _wait_for_acks(acks)

    async def _send(self, out: Outgoing) -> None:
        topic = self._wire.topic_of(out.record)
        value = out.value
        if value is not None and not isinstance(value, bytes):
            value = self._wire.codec(out.record).encode(value)
        partition = None
        if out.partition_key is not None:
            partition = self._wire.partition_of(out.partition_key)
        metrics.RECORDS_OUT.labels(self.stage.name).inc()
        await self._produce(
            self._wire.name(topic), out.key.encode(), value, partition, None
        )

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
        if self._writing is not None:
            if not self._writing.done():
                return
            await self._written()
        wait_s = self._config.checkpoint_s
        if self._is_behind:
            wait_s = max(wait_s, BEHIND_CHECKPOINT_S)
        if time.monotonic() - self._checkpointed >= wait_s:
            self._writing = asyncio.create_task(self._write(self._take_checkpoint()))

    async def _checkpoint(self) -> bool:
        """Write all changed state, commit; False if out of the group."""
        await self._written()
        return await self._write(self._take_checkpoint())

    async def _written(self) -> bool:
        """Wait for the checkpoint that is being written."""
        writing, self._writing = self._writing, None
        return writing is None or await writing

    def _take_checkpoint(self) -> _Checkpoint:
        """Take state, offsets and pending output in one step, without an await."""
        self._checkpointed = time.monotonic()
        acks, self._acks = self._acks, []
        has_sections = isinstance(self.stage, SectionedStage)
        return _Checkpoint(
            rows=[] if has_sections else self.stage.take_dirty(),
            sections=self.stage.take_sections()
            if isinstance(self.stage, SectionedStage)
            else [],
            offsets=dict(self._positions),
            acks=acks,
            part=self._snapshots.take(self._changelog_ends)
            if self._snapshots
            else None,
        )

    async def _write(self, checkpoint: _Checkpoint) -> bool:
        """Write state, wait for all acks, commit; False if out of the group."""
        acks = checkpoint.acks
        if self._config.changelog is not None:
            for row in checkpoint.rows:
                sent = await self._producer.send(
                    self._config.changelog,
                    row.key.encode(),
                    row.value,
                    row.partition,
                    timestamp=None,
                    headers=None,
                )
                acks.append(sent)
            await self._write_sections(self._config.changelog, checkpoint.sections)
        if self._config.is_output:
            n = len(checkpoint.rows) + sum(one.n_records for one in checkpoint.sections)
            metrics.RECORDS_OUT.labels(self.stage.name).inc(n)
        await _wait_for_acks(acks)
        if not checkpoint.offsets:
            return True
        committed = await self._group.commit_offsets(checkpoint.offsets)
        await self._keep_snapshot(checkpoint, is_committed=committed)
        metrics.CHECKPOINT_SECONDS.labels(self.stage.name).observe(
            time.monotonic() - checkpoint.started
        )
        return committed

    async def _keep_snapshot(
        self, checkpoint: _Checkpoint, *, is_committed: bool
    ) -> None:
        """Write the part of a snapshot once its checkpoint is committed."""
        snapshots = self._snapshots
        if snapshots is None or checkpoint.part is None:
            return
        partition = snapshots.partition()
        positions = {
            tp.topic: offset
            for tp, offset in checkpoint.offsets.items()
            if tp.partition == partition
        }
        if is_committed:
            await asyncio.to_thread(snapshots.keep, checkpoint.part, positions)
        else:
            snapshots.abandon()

    async def _write_sections(self, topic: str, sections: Sequence[Section]) -> None:
        by_partition: dict[int, list[tuple[bytes, int]]] = {}
        for one in sections:
            pairs = by_partition.setdefault(one.partition, [])
            pairs.append((one.records, one.n_records))
        if by_partition:
            producer = aiokafka_producer(self._producer)
            await send_in_waves(producer, topic, by_partition)
        for one in sections:
            end = self._changelog_ends.get(one.partition, 0)
            self._changelog_ends[one.partition] = end + one.n_records


async def _wait_for_acks(acks: Sequence[Awaitable[Any]]) -> None:
    results = await asyncio.gather(*acks, return_exceptions=True)
    failed = [result for result in results if isinstance(result, BaseException)]
    if failed:
        raise StateError(
            f"{len(failed)} of {len(acks)} records were not acknowledged: "
            f"{failed[0]!r}; offsets stay where they are and the worker restarts"
        ) from failed[0]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
