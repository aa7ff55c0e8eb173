"""Snapshot, changelog and the end of the log -> the state of the partitions gained."""

from collections.abc import Iterable, Mapping
from contextlib import suppress

from schemas.records import Record
from streams.engine.intake import Intake
from streams.engine.snapshot_file import SnapshotMeta
from streams.engine.snapshots import Snapshots
from streams.engine.stage import (
    ColumnarStage,
    RecallingStage,
    SectionedStage,
    Stage,
    StateRow,
)
from streams.kafka.connection import Connection
from streams.kafka.fetch_cluster import EARLIEST
from streams.kafka.fetched import TP
from streams.kafka.log_reader import BeyondEndError, read_batches
from streams.kafka.messages import messages
from streams.kafka.record_batches import RecordSet
from streams.kafka.wire import Wire


class Restorer:
    """Brings the state of partitions back, before their first record.

    Args:
        stage: that holds nothing of these partitions.
        intake: of the stage.
        wire: names of topics.
        snapshots: local ones; None for none.
    """

    def __init__(
        self, stage: Stage, intake: Intake, wire: Wire, snapshots: Snapshots | None
    ) -> None:
        self.n_records = 0
        """Changelog records read."""
        self.from_snapshot: set[int] = set()
        self._stage = stage
        self._intake = intake
        self._wire = wire
        self._snapshots = snapshots

    async def restore(
        self,
        connection: Connection,
        changelog: str,
        partitions: Iterable[int],
        positions: Mapping[TP, int],
    ) -> dict[int, int]:
        """Restore partitions; return the ends of their changelogs.

        Args:
            connection: how to connect.
            changelog: topic of the stage's state.
            partitions: to restore.
            positions: of the sources, as committed; -2 where nothing was.

        Raises:
            StateError: the changelog was not read to its end in time.
        """
        loaded = {one: self._load(one, positions) for one in partitions}
        ends = {
            one: meta.changelog_offset if meta else 0 for one, meta in loaded.items()
        }
        left = {TP(changelog, one) for one in partitions}
        while left:
            starts = {
                tp: meta.changelog_offset
                if (meta := loaded[tp.partition])
                else EARLIEST
                for tp in left
            }
            try:
                async for records in read_batches(connection, starts, {}):
                    self._put(records)
                    ends[records.tp.partition] = records.next_offset
                left = set()
            except BeyondEndError as error:
                left = self._start_anew(error.tp, left, loaded)
        if isinstance(self._stage, SectionedStage):
            for partition in loaded:
                self._stage.restored(
                    partition, self._of_partition(partition, positions)
                )
        if isinstance(self._stage, ColumnarStage | RecallingStage):
            await self._recall(self._stage, connection, positions, loaded)
        return ends

    def _start_anew(
        self, tp: TP, left: set[TP], loaded: dict[int, SnapshotMeta | None]
    ) -> set[TP]:
        """Forget the snapshot of a changelog that was made anew; return what to read.

        Partitions that were read beside it are read again: later records win.
        """
        if self._snapshots is not None:
            self._snapshots.discard(tp.partition)
        self.from_snapshot.discard(tp.partition)
        loaded[tp.partition] = None
        return left

    def _load(self, partition: int, positions: Mapping[TP, int]) -> SnapshotMeta | None:
        if self._snapshots is None:
            return None
        committed = {
            tp.topic: offset
            for tp, offset in positions.items()
            if tp.partition == partition
        }
        meta = self._snapshots.load(partition, committed)
        if meta is not None:
            self.from_snapshot.add(partition)
        return meta

    def _put(self, records: RecordSet) -> None:
        self.n_records += sum(payload.n_records for payload in records.payloads)
        if isinstance(self._stage, SectionedStage):
            self._stage.restore_payloads(records.tp.partition, records.payloads, 0)
            return
        self._stage.restore(
            StateRow(one.partition, (one.key or b"").decode(), one.value)
            for payload in records.payloads
            for one in messages(records.tp, payload)
        )

    def _of_partition(
        self, partition: int, positions: Mapping[TP, int]
    ) -> dict[type[Record], int]:
        return {
            self._wire.topic(tp.topic).record: max(0, offset)
            for tp, offset in positions.items()
            if tp.partition == partition
        }

    async def _recall(
        self,
        stage: ColumnarStage | RecallingStage,
        connection: Connection,
        positions: Mapping[TP, int],
        loaded: Mapping[int, SnapshotMeta | None],
    ) -> None:
        """Show the stage what came before its positions: it may come again."""
        starts = {}
        for tp, position in positions.items():
            record = self._wire.topic(tp.topic).record
            n_recalled = _n_recalled(stage, record)
            if not n_recalled or position <= 0:
                continue
            meta = loaded[tp.partition]
            known = 0 if meta is None else meta.positions.get(tp.topic, 0)
            start = max(0, known, position - n_recalled)
            if start < position:
                starts[tp] = start
        with suppress(BeyondEndError):  # a source that was made anew repeats nothing
            async for records in read_batches(connection, starts, positions):
                self._intake.recall(stage, records, positions[records.tp])


def _n_recalled(stage: ColumnarStage | RecallingStage, source: type[Record]) -> int:
    if isinstance(stage, ColumnarStage) and source not in stage.columnar:
        return 0
    return stage.n_recalled(source)
