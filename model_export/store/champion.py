"""A version of the registry -> the release that makes it the champion."""

from model_export.store.registry import Version
from schemas.records import ModelRelease


def in_force(version: Version, at: int) -> ModelRelease:
    """Return the release of a version that serves everybody.

    Args:
        version: of the registry.
        at: epoch ms.
    """
    return ModelRelease(
        model_name=version.name,
        version=version.version,
        sha256=version.sha256,
        stage="champion",
        canary_share=0.0,
        champion_version=version.version,
        champion_sha256=version.sha256,
        verdicts=(),
        released_at=at,
    )
