"""Local snapshots -> people, while the process still imports and joins its group.

Which partitions the group will give is not known yet: all that this worker had are
loaded. Those that another worker got are forgotten again.
"""

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Preference
from schemas.vocabulary import deployed
from streams.engine.early_snapshots import EarlySnapshots
from streams.engine.folders import snapshots_of
from streams.settings import Settings
from streams.stages.preferences.stage import Preferences


def begin(stage: str, settings: Settings) -> EarlySnapshots | None:
    """Begin to load a stage's snapshots; None for a stage that has none."""
    if stage != Preferences.name or not settings.preferences.snapshot_s:
        return None
    # Loading needs no schema ids: what is here only holds people until they are wanted.
    codec = Codec(Preference, LockedIds())
    holder = Preferences(settings.preferences, deployed(), codec)
    return EarlySnapshots(holder, snapshots_of(stage, settings))
