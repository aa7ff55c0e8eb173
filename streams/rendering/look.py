"""Design -> Look: every drawn attribute with a value that can be drawn."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import structlog

from model_export.space.drawings import Badge, Drawings, Palette, Tone
from schemas.records import Design

LOG = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Look:
    """The attributes that are drawn; equal looks give equal pictures."""

    layout: str
    palette: Palette
    hero: str
    tone: Tone
    badge: Badge
    typography: str
    font_scale: float
    contrast: float
    density: float


def look_of(design: Design, drawings: Drawings) -> Look:
    """Return the look of any design.

    Unknown attributes are ignored, missing attributes and unknown values take the
    default, and numbers outside the range are moved to its nearest end.
    """
    names = ("layout", "palette", "hero", "tone", "badge", "typography")
    return Look(
        *(drawings.values[name][word_of(design, name, drawings)] for name in names),
        *(_number(design, name, drawings) for name in drawings.ranges),
    )


def word_of(design: Design, name: str, drawings: Drawings) -> str:
    """Return the value of one categorical attribute that can be drawn.

    A design of the space at hand has no other; a stored one may be older than it.
    """
    known: dict[str, Any] = drawings.values[name]
    value = design.categorical.get(name)
    if value in known:
        return value
    default = next(iter(known))
    if value is not None:
        _say_once(name, value, default)
    return default


@lru_cache(maxsize=1_000)
def _say_once(name: str, value: str, default: str) -> None:
    LOG.warning("value not drawn", attribute=name, value=value[:60], instead=default)


def _number(design: Design, name: str, drawings: Drawings) -> float:
    low, default, high = drawings.ranges[name]
    value = design.continuous.get(name, default)
    return min(max(value, low), high) if math.isfinite(value) else default
