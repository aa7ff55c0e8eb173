"""A version of the registry, its promotions, and the release of a champion."""

from dataclasses import dataclass
from typing import Literal

from schemas.records import ModelRelease


@dataclass(frozen=True)
class Version:
    """One version of a model."""

    name: str
    version: int
    sha256: str
    """Digest of the version's manifest: it pins every byte."""


@dataclass(frozen=True)
class LogEntry:
    """One line of the promotion log; `version` is the champion from here on."""

    number: int
    action: Literal["promote", "rollback"]
    version: int
    sha256: str
    at: int
    reason: str


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
