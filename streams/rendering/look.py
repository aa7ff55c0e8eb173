"""Design -> Look: every drawn attribute with a value that can be drawn."""

import math
from dataclasses import dataclass

from schemas.records import Design

CHOICES: dict[str, tuple[str, ...]] = {
    "layout": (
        "split", "banner", "card", "poster", "ribbon", "grid", "badge", "frame",
    ),
    "palette": (
        "ocean", "sunset", "forest", "berry", "slate", "sand",
        "mint", "coral", "night", "lemon", "plum", "snow",
    ),
    "hero": (
        "product", "person", "pattern", "gradient", "icon", "number",
        "photo", "duo", "wave", "stripes", "dots", "none",
    ),
    "appeal": (
        "price", "quality", "novelty", "comfort", "status",
        "care", "speed", "nature", "fun", "trust",
    ),
    "tone": (
        "calm", "bold", "warm", "witty", "formal", "urgent", "friendly", "plain",
    ),
    "cta": ("buy", "discover", "try", "learn", "save", "book", "join", "compare"),
    "badge": (
        "none", "new", "bestseller", "limited", "eco", "sale", "local", "rated",
    ),
    "typography": (
        "sans", "serif", "rounded", "condensed", "wide", "mono", "light", "heavy",
    ),
}  # fmt: skip
"""Values that the renderer draws; the first is the default."""

_KNOWN = {name: frozenset(values) for name, values in CHOICES.items()}

RANGES: dict[str, tuple[float, float, float]] = {
    "font_scale": (0.85, 1.0, 1.25),
    "contrast": (0.0, 0.5, 1.0),
    "density": (0.0, 0.5, 1.0),
}
"""Lowest, default and highest value of each continuous attribute."""


@dataclass(frozen=True, slots=True)
class Look:
    """The attributes that are drawn; equal looks give equal pictures."""

    layout: str
    palette: str
    hero: str
    appeal: str
    tone: str
    cta: str
    badge: str
    typography: str
    font_scale: float
    contrast: float
    density: float


def look_of(design: Design) -> Look:
    """Return the look of any design.

    Unknown attributes are ignored, missing attributes and unknown values take the
    default, and numbers outside the range are moved to its nearest end.
    """
    words = {name: word_of(design, name) for name in CHOICES}
    return Look(
        layout=words["layout"],
        palette=words["palette"],
        hero=words["hero"],
        appeal=words["appeal"],
        tone=words["tone"],
        cta=words["cta"],
        badge=words["badge"],
        typography=words["typography"],
        font_scale=_number(design, "font_scale"),
        contrast=_number(design, "contrast"),
        density=_number(design, "density"),
    )


def word_of(design: Design, name: str) -> str:
    """Return the value of one categorical attribute that can be drawn."""
    value = design.categorical.get(name)
    return value if value is not None and value in _KNOWN[name] else CHOICES[name][0]


def _number(design: Design, name: str) -> float:
    low, default, high = RANGES[name]
    value = design.continuous.get(name, default)
    return min(max(value, low), high) if math.isfinite(value) else default
