"""Local snapshots -> people, while the process still imports and joins its group.

Which partitions the group will give is not known yet: all that this worker had are
loaded. Those that another worker got are forgotten again.
"""

from pathlib import Path

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Preference
from schemas.taxonomy import taxonomy
from streams.batch.early_snapshots import EarlySnapshots
from streams.core.preference.preferences import Preferences
from streams.settings import Settings


def folder_of(stage: str, settings: Settings) -> Path:
    """Return where a stage keeps local data; one worker of it a folder."""
    name = f"{settings.kafka.topic_prefix}{stage}"
    return settings.local.folder / "stages" / name


def snapshots_of(stage: str, settings: Settings) -> Path:
    """Return the folder of a stage's snapshots."""
    return folder_of(stage, settings) / "snapshots"


def begin(stage: str, settings: Settings) -> EarlySnapshots | None:
    """Begin to load a stage's snapshots; None for a stage that has none."""
    if stage != Preferences.name or not settings.preferences.snapshot_s:
        return None
    # Loading needs no schema ids: what is here only holds people until they are wanted.
    codec = Codec(Preference, LockedIds())
    holder = Preferences(settings.preferences, taxonomy(), codec)
    return EarlySnapshots(holder, snapshots_of(stage, settings))
