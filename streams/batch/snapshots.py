"""State <-> local files, so that a restarted worker need not read its whole changelog.

A snapshot is only ever a shortcut: one that is missing, torn, of another layout or
newer than the group's offsets is left out, and the changelog is read from its start.

File: magic, then frames of length, CRC32C and content; the last frame says what it is.
It is written beside its place and renamed, so that a crash leaves the old one.
"""

import json
import mmap
import os
import struct
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import structlog
from crc32c import crc32c

from streams.core.stage import SnapshottedStage

LOG = structlog.get_logger(__name__)

_MAGIC = b"adloom-snapshot-1\n"
_FRAME = struct.Struct("<QI")


@dataclass(frozen=True, slots=True)
class SnapshotMeta:
    """What a snapshot holds."""

    layout: str
    """What its parts mean; another layout is not loaded."""
    changelog: str
    """Topic that goes on from it."""
    changelog_offset: int
    """First record of the changelog that it may lack."""
    positions: dict[str, int]
    """Topic -> offset up to which its newest part includes it."""


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
        _write(opened.file, part)
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
        file = self._path(oldest).with_suffix(".part").open("wb")
        file.write(_MAGIC)
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
        _write(opened.file, json.dumps(asdict(meta)).encode())
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
            with self._path(partition).open("rb") as file:
                content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (FileNotFoundError, ValueError):
            return None
        try:
            frames = list(_frames(memoryview(content)))
            meta = SnapshotMeta(**json.loads(bytes(frames.pop())))
            self._check(meta, positions)
            for frame in frames:
                self._stage.load_snapshot(partition, frame)
        except (ValueError, TypeError, IndexError, KeyError) as error:
            LOG.warning("snapshot left out", partition=partition, why=str(error))
            self._stage.drop(partition)
            return None
        return meta

    def _check(self, meta: SnapshotMeta, positions: Mapping[str, int]) -> None:
        if meta.layout != self._stage.snapshot_layout():
            raise ValueError("its rows have another layout")
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


def _write(file: BinaryIO, content: bytes) -> None:
    file.write(_FRAME.pack(len(content), crc32c(content)))
    file.write(content)


def _frames(content: memoryview) -> Iterator[memoryview]:
    """Yield the frames; ValueError when one is torn."""
    if bytes(content[: len(_MAGIC)]) != _MAGIC:
        raise ValueError("it is no snapshot of this version")
    at = len(_MAGIC)
    while at < len(content):
        if len(content) - at < _FRAME.size:
            raise ValueError("it is cut off")
        length, checksum = _FRAME.unpack_from(content, at)
        at += _FRAME.size
        frame = content[at : at + length]
        if len(frame) != length or crc32c(frame) != checksum:
            raise ValueError(f"a frame at {at} is torn")
        yield frame
        at += length
