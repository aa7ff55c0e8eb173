"""Snapshot files -> a stage that holds them until partitions are assigned."""

import threading
from pathlib import Path

import structlog

from streams.engine.snapshot_file import SnapshotMeta, read_into
from streams.engine.stage import SnapshottedStage

LOG = structlog.get_logger(__name__)


class EarlySnapshots:
    """Loads a folder's snapshots in a thread of its own.

    Args:
        holder: a stage that runs nowhere.
        folder: of the files, one a partition.
    """

    def __init__(self, holder: SnapshottedStage, folder: Path) -> None:
        self._holder = holder
        self._folder = folder
        self._loaded: dict[int, SnapshotMeta] = {}
        # Compiled code copies the rows, and lets others run meanwhile.
        self._thread = threading.Thread(target=self._load, daemon=True)
        self._thread.start()

    def take(self, stage: SnapshottedStage, partition: int) -> SnapshotMeta | None:
        """Move a partition to a stage; None when it could not be loaded.

        Waits until everything is loaded. What is taken is not here any more.
        """
        self._thread.join()
        meta = self._loaded.pop(partition, None)
        if meta is not None:
            stage.adopt(partition, self._holder)
        return meta

    def _load(self) -> None:
        for path in sorted(self._folder.glob("*.snapshot")):
            try:
                partition = int(path.stem)
                self._loaded[partition] = read_into(self._holder, partition, path)
            except (OSError, ValueError, TypeError, IndexError, KeyError) as error:
                LOG.info("snapshot not loaded early", file=path.name, why=str(error))
