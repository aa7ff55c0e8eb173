"""Where a stage keeps local data."""

from pathlib import Path

from streams.settings import Settings


def folder_of(stage: str, settings: Settings) -> Path:
    """Return where a stage keeps local data; one worker of it a folder."""
    name = f"{settings.kafka.topic_prefix}{stage}"
    return settings.local.folder / "stages" / name


def snapshots_of(stage: str, settings: Settings) -> Path:
    """Return the folder of a stage's snapshots."""
    return folder_of(stage, settings) / "snapshots"
