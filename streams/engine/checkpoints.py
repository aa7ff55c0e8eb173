"""State and offsets of one instant -> the changelog, then the group's offsets."""

import asyncio
import time
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from streams.columns.batches import Pair, sections
from streams.engine import metrics
from streams.engine.snapshots import Snapshots
from streams.engine.stage import (
    Section,
    SectionedStage,
    SnapshottedStage,
    Stage,
    StateRow,
)
from streams.errors import ConfigurationError, StateError
from streams.kafka.connection import Connection
from streams.kafka.fetched import TP
from streams.kafka.prebuilt import aiokafka_producer, send_in_waves


class FaustProducer(Protocol):
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


class Committer(Protocol):
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
    connection: Connection
    """For reading the changelog."""
    snapshots: Path | None = None
    """Folder of the stage's snapshots; None for none."""
    snapshot_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """State, offsets and unacknowledged output of one instant."""

    sections: list[Section]
    offsets: dict[TP, int]
    acks: list[Awaitable[Any]]
    part: bytes | None
    """Of a snapshot."""
    started: float = field(default_factory=time.monotonic)


class Checkpoints:
    """Takes and writes the checkpoints of a stage."""

    def __init__(
        self,
        stage: Stage,
        producer: FaustProducer,
        group: Committer,
        config: EngineConfig,
    ) -> None:
        self.snapshots: Snapshots | None = None
        if (
            config.snapshots
            and config.changelog
            and isinstance(stage, SnapshottedStage)
        ):
            self.snapshots = Snapshots(
                stage, config.snapshots, config.changelog, config.snapshot_s
            )
        self._stage = stage
        self._producer = producer
        self._group = group
        self._config = config
        self._changelog_ends: dict[int, int] = {}
        self._committed: dict[TP, int] = {}

    def restored(self, changelog_ends: Mapping[int, int]) -> None:
        """Go on from the ends of restored changelogs."""
        self._changelog_ends |= changelog_ends
        if self.snapshots is not None:
            self.snapshots.load_early(None)  # what others got is forgotten

    def reassigned(self) -> None:
        """Forget what was committed: others may have gone on from there."""
        self._committed = {}

    def drop(self, partition: int) -> None:
        """Forget a partition that is lost."""
        self._changelog_ends.pop(partition, None)
        if self.snapshots is not None and self.snapshots.partition() == partition:
            self.snapshots.abandon()

    def take(
        self, positions: Mapping[TP, int], acks: list[Awaitable[Any]]
    ) -> Checkpoint:
        """Take changed state and positions in one step, without an await.

        Args:
            positions: up to where the state includes each source.
            acks: of everything sent before.
        """
        sections = (
            self._stage.take_sections()
            if isinstance(self._stage, SectionedStage)
            else sections_of(self._stage.take_dirty())
        )
        if sections and self._config.changelog is None:
            raise ConfigurationError(
                f"stage {self._stage.name} has changed state and declares State.NONE: "
                "nothing is committed; declare state=State.CHANGELOG in "
                f"streams/stages/{self._stage.name}/__init__.py, then run "
                "adloom topics apply"
            )
        return Checkpoint(
            sections=sections,
            offsets=dict(positions),
            acks=acks,
            part=self.snapshots.take(self._changelog_ends) if self.snapshots else None,
        )

    def says_nothing(self, checkpoint: Checkpoint) -> bool:
        """Return whether a checkpoint equals the one before it."""
        has_news = checkpoint.sections or checkpoint.acks
        is_known = checkpoint.offsets == self._committed
        return not has_news and is_known and checkpoint.part is None

    async def write(self, checkpoint: Checkpoint) -> bool:
        """Write state once the output is safe, then commit; False if out of the group.

        State may say that something was sent: written before that is acknowledged, it
        would lose it in a crash between the two.
        """
        await wait_for_acks(checkpoint.acks)
        if self._config.changelog is not None:
            await self._write_sections(self._config.changelog, checkpoint.sections)
        if self._config.is_output:
            n = sum(one.n_records for one in checkpoint.sections)
            metrics.RECORDS_OUT.labels(self._stage.name).inc(n)
        committed = True
        if checkpoint.offsets:
            committed = await self._group.commit_offsets(checkpoint.offsets)
        if committed:
            self._committed = checkpoint.offsets
        await self._keep_snapshot(checkpoint, is_committed=committed)
        metrics.CHECKPOINT_SECONDS.labels(self._stage.name).observe(
            time.monotonic() - checkpoint.started
        )
        return committed

    async def _keep_snapshot(
        self, checkpoint: Checkpoint, *, is_committed: bool
    ) -> None:
        """Write the part of a snapshot once its checkpoint is committed."""
        snapshots = self.snapshots
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
        by_partition: dict[int, list[tuple[bytes | memoryview, int]]] = {}
        for one in sections:
            pairs = by_partition.setdefault(one.partition, [])
            pairs.append((one.records, one.n_records))
        if by_partition:
            producer = aiokafka_producer(self._producer)
            await send_in_waves(producer, topic, by_partition)
        for one in sections:
            end = self._changelog_ends.get(one.partition, 0)
            self._changelog_ends[one.partition] = end + one.n_records


def sections_of(rows: Iterable[StateRow]) -> list[Section]:
    """Return rows as records sections, in order per partition."""
    by_partition: dict[int, list[Pair]] = {}
    for row in rows:
        pairs = by_partition.setdefault(row.partition, [])
        pairs.append((row.key.encode(), row.value))
    return [
        Section(partition, *section)
        for partition, pairs in by_partition.items()
        for section in sections(pairs)
    ]


async def wait_for_acks(acks: Sequence[Awaitable[Any]]) -> None:
    """Wait until the broker has everything.

    Raises:
        StateError: it has not.
    """
    results = await asyncio.gather(*acks, return_exceptions=True)
    failed = [result for result in results if isinstance(result, BaseException)]
    if failed:
        raise StateError(
            f"{len(failed)} of {len(acks)} records were not acknowledged: "
            f"{failed[0]!r}; offsets stay where they are and the worker restarts"
        ) from failed[0]
