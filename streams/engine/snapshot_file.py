"""One file -> the parts of a partition's state, and what they are; and back.

Magic, then frames of length, CRC32C and content; the last frame says what it is.
"""

import json
import mmap
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from crc32c import crc32c

from streams.engine.stage import SnapshottedStage

_MAGIC = b"adloom-snapshot-1\n"
_FRAME = struct.Struct("<QI")


@dataclass(frozen=True, slots=True)
class SnapshotMeta:
    """What a snapshot holds."""

    layout: str
    """What its parts mean."""
    changelog: str
    """Topic that goes on from it."""
    changelog_offset: int
    """First record of the changelog that it may lack."""
    positions: dict[str, int]
    """Topic -> offset up to which its newest part includes it."""


def begin(path: Path) -> BinaryIO:
    """Return a new file for the parts of a snapshot."""
    file = path.open("wb")
    file.write(_MAGIC)
    return file


def write_part(file: BinaryIO, content: bytes) -> None:
    """Add a part."""
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


def _of_layout(
    stage: SnapshottedStage, content: memoryview
) -> tuple[SnapshotMeta, Iterator[memoryview]]:
    """Return what a file holds, and its parts in the stage's layout."""
    frames = list(_frames(content))
    meta = SnapshotMeta(**json.loads(bytes(frames.pop())))
    if meta.layout == stage.snapshot_layout():
        return meta, iter(frames)
    return meta, map(stage.snapshot_converter(meta.layout), frames)


def write_meta(file: BinaryIO, meta: SnapshotMeta) -> None:
    """Add the last frame."""
    write_part(file, json.dumps(asdict(meta)).encode())


def read_into(stage: SnapshottedStage, partition: int, path: Path) -> SnapshotMeta:
    """Put the parts of a file into a stage that holds nothing of the partition.

    When this fails the stage holds nothing of it, either.

    Raises:
        FileNotFoundError: there is no file.
        ValueError, TypeError, IndexError, KeyError: it is torn, or of another layout.
    """
    with path.open("rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        meta, frames = _of_layout(stage, memoryview(content))
        for frame in frames:
            stage.load_snapshot(partition, frame)
    except (ValueError, TypeError, IndexError, KeyError):
        stage.drop(partition)
        raise
    return meta
