"""State <-> local files, so that a restarted worker need not read its whole changelog.

A snapshot is only ever a shortcut: one that is missing, torn, of another layout or
newer than the group's offsets is left out, and the changelog is read from its start.

A file is written beside its place and renamed, so that a crash leaves the old one.
"""

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import structlog

from streams.engine.early_snapshots import EarlySnapshots
from streams.engine.snapshot_file import (
    SnapshotMeta,
    begin,
    read_into,
    write_meta,
    write_part,
)
from streams.engine.stage import SnapshottedStage

LOG = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Open:
    """The snapshot that is being written."""

    partition: int
    parts: Iterator[bytes]
    file: BinaryIO
    changelog_offset: int


class Snapshots:
    """Writes the snapshots of a stage a part at a time, and loads them.

    Args:
        stage: whose state it is.
        folder: of the files, one a partition.
        changelog: topic of the stage's state.
        every_s: least time between two snapshots of a partition.
    """

    def __init__(
        self, stage: SnapshottedStage, folder: Path, changelog: str, every_s: float
    ) -> None:
        self._stage = stage
        self._folder = folder
        self._changelog = changelog
        self._every_s = every_s
        self._early: EarlySnapshots | None = None
        self._open: _Open | None = None
        self._begun: dict[int, float] = {}
        self._held: dict[int, int] = {}
        """Partition -> end of its changelog when its last snapshot was begun."""

    # -- writing ------------------------------------------------------------------

    def take(self, changelog_ends: Mapping[int, int]) -> bytes | None:
        """Return the next part, as the state is now; None when none is due.

        Args:
            changelog_ends: partition -> end of its changelog before this checkpoint.
        """
        if self._open is None and not self._begin(changelog_ends):
            return None
        return next(self._open.parts, None) if self._open else None

    def keep(self, part: bytes, positions: Mapping[str, int]) -> None:
        """Write a part whose checkpoint is committed; may be called in a thread.

        Args:
            part: from `take`.
            positions: topic -> committed offset of the part's partition.
        """
        opened = self._open
        if opened is None:
            return
        write_part(opened.file, part)
        if part[:1] == b"W":  # the last one
            self._finish(opened, positions)
            self._open = None

    def partition(self) -> int | None:
        """Return the partition whose snapshot is being written."""
        return None if self._open is None else self._open.partition

    def abandon(self) -> None:
        """Stop writing the present snapshot: its partition or a checkpoint was lost."""
        if self._open is not None:
            self._open.file.close()
            Path(self._open.file.name).unlink(missing_ok=True)
            self._held.pop(self._open.partition, None)
            self._open = None

    def _begin(self, changelog_ends: Mapping[int, int]) -> bool:
        now = time.monotonic()
        for partition in changelog_ends:
            self._begun.setdefault(partition, now)
        oldest = min(changelog_ends, key=self._begun.__getitem__, default=None)
        if oldest is None or now - self._begun[oldest] < self._every_s:
            return False
        self._begun[oldest] = now
        if self._held.get(oldest) == changelog_ends[oldest]:
            return False  # nothing has changed since
        self._held[oldest] = changelog_ends[oldest]
        self._folder.mkdir(parents=True, exist_ok=True)
        file = begin(self._path(oldest).with_suffix(".part"))
        parts = self._stage.snapshot_parts(oldest)
        self._open = _Open(oldest, parts, file, changelog_ends[oldest])
        return True

    def _finish(self, opened: _Open, positions: Mapping[str, int]) -> None:
        meta = SnapshotMeta(
            self._stage.snapshot_layout(),
            self._changelog,
            opened.changelog_offset,
            dict(positions),
        )
        write_meta(opened.file, meta)
        opened.file.flush()
        os.fsync(opened.file.fileno())
        opened.file.close()
        Path(opened.file.name).replace(self._path(opened.partition))
        LOG.info("snapshot written", partition=opened.partition)

    # -- loading ------------------------------------------------------------------

    def load(self, partition: int, positions: Mapping[str, int]) -> SnapshotMeta | None:
        """Put a partition's snapshot into the stage; None when there is none to use.

        Args:
            partition: that the stage holds nothing of yet.
            positions: topic -> committed offset; a snapshot that is newer than these
                belongs to other topics of the same name.
        """
        try:
            meta = self._read(partition)
            self._check(meta, positions)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, IndexError, KeyError) as error:
            LOG.warning("snapshot left out", partition=partition, why=str(error))
            self._stage.drop(partition)
            return None
        return meta

    def load_early(self, early: EarlySnapshots | None) -> None:
        """Take from what was loaded before the group gave partitions; None: no more."""
        self._early = early

    def _read(self, partition: int) -> SnapshotMeta:
        early = self._early.take(self._stage, partition) if self._early else None
        if early is not None:
            return early
        return read_into(self._stage, partition, self._path(partition))

    def _check(self, meta: SnapshotMeta, positions: Mapping[str, int]) -> None:
        if meta.changelog != self._changelog:
            raise ValueError(f"it belongs to {meta.changelog}")
        for topic, offset in meta.positions.items():
            if positions.get(topic, 0) < offset:
                raise ValueError(
                    f"it includes {topic} up to {offset}, the group committed "
                    f"{positions.get(topic, 0)}"
                )

    def discard(self, partition: int) -> None:
        """Delete a snapshot that turned out to be of other topics."""
        self._path(partition).unlink(missing_ok=True)
        self._stage.drop(partition)

    def _path(self, partition: int) -> Path:
        return self._folder / f"{partition}.snapshot"
