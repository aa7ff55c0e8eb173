"""Design -> Look: what is drawn; Look -> Scheme: the colour of each part of a card.

Every drawn attribute has a value that can be drawn; text is readable on its ground.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

from model_export.space.drawings import Badge, Drawings, Palette, Tone
from schemas.records import Design
from streams.rendering.colour import (
    READABLE,
    contrast_ratio,
    luminance,
    mix,
    readable,
)
from streams.rendering.wording import word_of

_STOPS = (0.0, 0.28, 0.55, 0.8, 1.0)
_COMFORTABLE = 4.8
_BUTTON_STANDS_OUT = 2.2


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


@dataclass(frozen=True, slots=True)
class Scheme:
    """Colours by role; each `on_...` reads on its ground with at least 4.5."""

    ground: str
    """Behind the words."""
    shade: str
    """The other end of the ground's gradient."""
    on_ground: str
    on_ground_soft: str
    panel: str
    """A lifted surface: the card of the card layout."""
    on_panel: str
    on_panel_soft: str
    stage: str
    """Behind the art."""
    stage_far: str
    on_stage: str
    accent: str
    on_accent: str
    accent_dark: str
    pop: str
    on_pop: str
    button: str
    on_button: str
    button_panel: str
    on_button_panel: str
    tones: tuple[str, str, str, str]
    """Four tones of the art's shapes, from close to the stage to far from it."""


def scheme_of(look: Look) -> Scheme:
    """Return the colours of a look."""
    return _scheme(look.palette, round(look.contrast, 2))


@lru_cache(maxsize=8192)
def _scheme(palette: Palette, contrast: float) -> Scheme:
    at = _readable_place(palette, contrast)
    ground = _tone(palette, at)
    shade = _companion(ground, _tone(palette, at + 0.06))
    far = contrast + (0.4 if contrast < 0.5 else -0.38)  # noqa: PLR2004 - the middle
    stage = _tone(palette, far)
    stage_far = _companion(stage, _tone(palette, far - 0.14))
    panel = _panel(palette, contrast)
    accent = palette.accent
    ink = palette.ramp[4] if luminance(ground) > 0.2 else palette.ramp[0]  # noqa: PLR2004
    panel_ink = palette.ramp[4] if luminance(panel) > 0.2 else palette.ramp[0]  # noqa: PLR2004
    button = _button(palette, ground)
    button_panel = _button(palette, panel)
    return Scheme(
        ground=ground,
        shade=shade,
        on_ground=readable(ink, ground, shade, least=5.5),
        on_ground_soft=readable(mix(ink, ground, 0.25), ground, shade, least=4.6),
        panel=panel,
        on_panel=readable(panel_ink, panel, least=5.5),
        on_panel_soft=readable(mix(panel_ink, panel, 0.25), panel, least=4.6),
        stage=stage,
        stage_far=stage_far,
        on_stage=readable(ink, stage, stage_far),
        accent=accent,
        on_accent=readable(_lighter_or_darker(palette, accent), accent),
        accent_dark=mix(accent, "#000000", 0.35),
        pop=palette.pop,
        on_pop=readable(palette.ramp[4], palette.pop),
        button=button,
        on_button=readable(_lighter_or_darker(palette, button), button),
        button_panel=button_panel,
        on_button_panel=readable(
            _lighter_or_darker(palette, button_panel), button_panel
        ),
        tones=(
            mix(stage, _tone(palette, far + 0.3), 0.35),
            mix(stage, _tone(palette, far - 0.3), 0.55),
            mix(stage, palette.pop, 0.75),
            mix(stage, accent, 0.85),
        ),
    )


def _tone(palette: Palette, at: float) -> str:
    """Return the ramp's colour at 0 (pale) to 1 (darkest)."""
    at = min(max(at, 0.0), 1.0)
    for index in range(1, len(_STOPS)):
        if at <= _STOPS[index]:
            low, high = _STOPS[index - 1], _STOPS[index]
            share = (at - low) / (high - low)
            return mix(palette.ramp[index - 1], palette.ramp[index], share)
    return palette.ramp[4]


def _companion(ground: str, wanted: str) -> str:
    """Return the wanted colour if some text reads on both, else the ground again."""
    for text in ("#000000", "#ffffff"):
        if min(contrast_ratio(text, ground), contrast_ratio(text, wanted)) >= READABLE:
            return wanted
    return ground


def _readable_place(palette: Palette, at: float) -> float:
    """Return the next place on the ramp where the palette's own inks can be read.

    In the middle of a ramp only black would do, which looks dull on a vivid colour.
    """
    while at < 1:
        ground = _tone(palette, at)
        inks = (palette.ramp[4], "#ffffff")
        if max(contrast_ratio(ink, ground) for ink in inks) > _COMFORTABLE:
            break
        at += 0.02
    return at


def _panel(palette: Palette, contrast: float) -> str:
    """Return white on light cards, growing darker only on the darkest."""
    if contrast > 0.85:  # noqa: PLR2004 - the darkest cards stay dark
        return mix(palette.ramp[3], palette.ramp[4], 0.45)
    return mix("#ffffff", palette.ramp[0], contrast)


def _button(palette: Palette, ground: str) -> str:
    """Return the first brand colour that stands out from the ground."""
    wanted = (palette.accent, palette.pop, palette.ramp[4], palette.ramp[0])
    return next(
        (
            colour
            for colour in wanted
            if contrast_ratio(colour, ground) >= _BUTTON_STANDS_OUT
        ),
        palette.ramp[0],
    )


def _lighter_or_darker(palette: Palette, ground: str) -> str:
    light, dark = "#ffffff", palette.ramp[4]
    return max(light, dark, key=lambda colour: contrast_ratio(colour, ground))
