"""Batches -> a stage -> its output topics, its changelog and the group's offsets.

The order that makes a crash harmless, everything in one task:

1. a batch is decoded, admitted and folded into the stage (no await in between);
2. what the stage returns is handed to the producer;
3. at a checkpoint the changed state and the offsets are taken in one step; the state
   goes to the changelog; only when every record sent so far is acknowledged are
   those offsets committed.

Dying between any two of these repeats work and loses none: ids are functions of their
inputs, so that what is sent twice is a duplicate for whoever reads it.
"""

import asyncio
import time
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from faust.types import TP

from schemas.avro import AvroError
from streams.batch import metrics
from streams.batch.admit import admit
from streams.batch.changelog import read_to_end
from streams.batch.transport import Batch
from streams.batch.wire import Wire
from streams.core.stage import Incoming, Outgoing, Stage, StateRow
from streams.dead_letters import dead_letter
from streams.errors import StateError

LOG = structlog.get_logger(__name__)

MAX_IN_FLIGHT = 20_000
"""Unacknowledged records after which the stage waits for the broker."""


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

    # -- partitions ---------------------------------------------------------------

    async def gain(self, assigned: Iterable[TP]) -> None:
        """Take over partitions: their state comes back before their first record."""
        async with self._lock:
            partitions = {tp.partition for tp in assigned}
            for lost in self._owned - partitions:
                self.stage.drop(lost)
            self._to_restore |= partitions - self._owned
            self._to_restore &= partitions
            self._owned = partitions
            self._positions = {
                tp: offset
                for tp, offset in self._positions.items()
                if tp in set(assigned)
            }

    async def lose(self, revoked: Iterable[TP]) -> None:
        """Checkpoint before another worker goes on; distrust the state if too late."""
        if not revoked:
            return
        async with self._lock:
            if not await self._checkpoint():
                LOG.warning("left the group before the checkpoint; state is dropped")
                for partition in self._owned:
                    self.stage.drop(partition)
                self._owned = set()
                self._positions = {}

    async def _restore(self) -> None:
        partitions, self._to_restore = self._to_restore, set()
        if self._config.changelog is None:
            return
        started, n_rows = time.monotonic(), 0
        rows: list[StateRow] = []
        async for record in read_to_end(
            self._config.connection, self._config.changelog, partitions
        ):
            key = (record.key or b"").decode()
            rows.append(StateRow(record.partition, key, record.value))
        n_rows = len(rows)
        self.stage.restore(rows)
        LOG.info(
            "state restored",
            stage=self.stage.name,
            partitions=sorted(partitions),
            rows=n_rows,
            seconds=round(time.monotonic() - started, 3),
        )

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
            if time.monotonic() - self._checkpointed >= self._config.checkpoint_s:
                await self._checkpoint()

    async def inject(self, incoming: Sequence[Incoming]) -> None:
        """Fold in records that come from outside the group (broadcast topics)."""
        async with self._lock:
            for out in self.stage.step(incoming, _now_ms()):
                await self._send(out)

    async def _fold(self, batch: Batch) -> None:
        now = _now_ms()
        incoming: list[Incoming] = []
        rejected: list[tuple[Any, str]] = []
        for tp, records in batch.records.items():
            position = self._positions.get(tp, 0)
            for record in records:
                if record.offset < position:
                    continue
                position = record.offset + 1
                try:
                    incoming.append(self._admit(record, now))
                except AvroError as error:
                    rejected.append((record, str(error)))
            self._positions[tp] = position
        with metrics.STEP_SECONDS.labels(self.stage.name).time():
            outgoing = self.stage.step(incoming, now) if incoming else []
            outgoing += self.stage.tick(now)
        metrics.RECORDS_IN.labels(self.stage.name).inc(len(incoming))
        for record, reason in rejected:
            await self._reject(record, reason)
        for out in outgoing:
            await self._send(out)
        if len(self._acks) > MAX_IN_FLIGHT:
            await self._wait_for_acks()

    def _admit(self, record: Any, now: int) -> Incoming:
        """Decode one record; raise AvroError with the reason when it is unusable."""
        topic = self._wire.topic(record.topic)
        key = (record.key or b"").decode("utf-8", "replace")
        if record.value is None:
            if not topic.compacted:
                raise AvroError(f"{record.topic}: empty value; expected a record")
            return Incoming(topic.record, key, None, record.partition, record.offset)
        codec = self._wire.codec(topic.record)
        value = admit(topic, codec, record.key, record.value, now)
        return Incoming(topic.record, key, value, record.partition, record.offset)

    async def _send(self, out: Outgoing) -> None:
        topic = self._wire.topic_of(out.record)
        codec = self._wire.codec(out.record)
        value = None if out.value is None else codec.encode(out.value)
        partition = None
        if out.partition_key is not None:
            partition = self._wire.partition_of(out.partition_key)
        metrics.RECORDS_OUT.labels(self.stage.name).inc()
        await self._produce(
            self._wire.name(topic), out.key.encode(), value, partition, None
        )

    async def _reject(self, record: Any, reason: str) -> None:
        """Send a bad record to its dead letters, if that is this stage's task."""
        if self._wire.topic(record.topic).checked_by != self.stage.name:
            return
        letter = dead_letter(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            key=record.key,
            value=record.value,
            stage=self.stage.name,
            reason=reason,
        )
        metrics.DEAD_LETTERS.labels(self.stage.name, letter.topic).inc()
        LOG.warning("dead letter", topic=record.topic, offset=record.offset, why=reason)
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

    async def _checkpoint(self) -> bool:
        """Write changed state, wait for all acks, commit; False if out of the group."""
        started = time.monotonic()
        rows, offsets = self.stage.take_dirty(), dict(self._positions)
        if self._config.changelog is not None:
            for row in rows:
                key = row.key.encode()
                await self._produce(
                    self._config.changelog, key, row.value, row.partition, None
                )
        if self._config.is_output:
            metrics.RECORDS_OUT.labels(self.stage.name).inc(len(rows))
        await self._wait_for_acks()
        self._checkpointed = time.monotonic()
        if not offsets:
            return True
        committed = await self._group.commit_offsets(offsets)
        metrics.CHECKPOINT_SECONDS.labels(self.stage.name).observe(
            time.monotonic() - started
        )
        return committed

    async def _wait_for_acks(self) -> None:
        acks, self._acks = self._acks, []
        results = await asyncio.gather(*acks, return_exceptions=True)
        failed = [result for result in results if isinstance(result, BaseException)]
        if failed:
            raise StateError(
                f"{len(failed)} of {len(acks)} records were not acknowledged: "
                f"{failed[0]!r}; offsets stay where they are and the worker restarts"
            ) from failed[0]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
