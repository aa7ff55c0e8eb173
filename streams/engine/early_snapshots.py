"""Local snapshots -> a stage that holds them until partitions are assigned.

They are loaded while the process still imports and joins its group. Which partitions
the group will give is not known yet: all that this worker had are loaded. Those that
another worker got are forgotten again.
"""

import threading
from pathlib import Path

import structlog

from schemas.lock import LockedIds
from streams.engine.declaration import Declaration
from streams.engine.folders import snapshots_of
from streams.engine.snapshot_file import SnapshotMeta, read_into
from streams.engine.stage import SnapshottedStage
from streams.kafka.wire import Wire
from streams.settings import Settings

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


def begin(stage: Declaration, settings: Settings) -> EarlySnapshots | None:
    """Begin to load a stage's snapshots; None for a stage that keeps none."""
    if not stage.snapshot_s(settings):
        return None
    # Loading needs no schema ids: this only holds state until it is wanted.
    holder = stage.build(settings, Wire(LockedIds())).stage
    if not isinstance(holder, SnapshottedStage):
        return None
    return EarlySnapshots(holder, snapshots_of(stage.name, settings))
