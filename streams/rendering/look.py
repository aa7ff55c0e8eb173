"""Design -> Look: every drawn attribute with a value that can be drawn."""

import math
from dataclasses import dataclass

from model_export.space.drawings import Badge, Drawings, Palette, Tone
from schemas.records import Design
from streams.rendering.wording import word_of


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


def _number(design: Design, name: str, drawings: Drawings) -> float:
    low, default, high = drawings.ranges[name]
    value = design.continuous.get(name, default)
    return min(max(value, low), high) if math.isfinite(value) else default
