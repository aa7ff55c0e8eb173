"""Palette + contrast -> Scheme: the colour of each part of a card, text readable."""

from dataclasses import dataclass
from functools import lru_cache

from streams.rendering.brand import BrandKit
from streams.rendering.colour import (
    READABLE,
    contrast_ratio,
    luminance,
    mix,
    readable,
)
from streams.rendering.look import Look

Ramp = tuple[str, str, str, str, str]

_STOPS = (0.0, 0.28, 0.55, 0.8, 1.0)
_COMFORTABLE = 4.8
_BUTTON_STANDS_OUT = 2.2


@dataclass(frozen=True, slots=True)
class Palette:
    """Five grounds from pale to darkest, and two colours that stand out."""

    ramp: Ramp
    accent: str
    pop: str


PALETTES: dict[str, Palette] = {
    "ocean": Palette(
        ("#f0f8fd", "#b9e0f5", "#0f74b8", "#0a3c6b", "#06223f"), "#ff7a59", "#ffd166"
    ),
    "sunset": Palette(
        ("#fff5ec", "#ffd2b0", "#f4653e", "#8c1f4b", "#3b1035"), "#8e1b5a", "#ffc145"
    ),
    "forest": Palette(
        ("#f3f8ef", "#c9e4c0", "#2f7f50", "#17492f", "#0c2a1d"), "#e08e2b", "#f2e58b"
    ),
    "berry": Palette(
        ("#fff2f6", "#fac3d7", "#c81e60", "#76103f", "#3a0a28"), "#12887f", "#ffd6a5"
    ),
    "slate": Palette(
        ("#f5f7fa", "#d3dce7", "#4d647d", "#26364a", "#131c28"), "#ff7d45", "#8fd3ff"
    ),
    "sand": Palette(
        ("#fcf7ed", "#efdfc1", "#cf9e63", "#6b4a2a", "#3a2717"), "#1c6e78", "#f2645a"
    ),
    "mint": Palette(
        ("#f0fcf7", "#b9eddb", "#1cab8f", "#0e5b52", "#07302d"), "#f2557f", "#ffe066"
    ),
    "coral": Palette(
        ("#fff3f0", "#ffcabd", "#ff6f61", "#9c2b3d", "#40132a"), "#0f5e86", "#ffd93d"
    ),
    "night": Palette(
        ("#d6d2fa", "#6f65d8", "#352b93", "#19134a", "#0b0826"), "#f9c74f", "#f15bb5"
    ),
    "lemon": Palette(
        ("#fffbe3", "#fff0a0", "#ffd50f", "#7a5c00", "#2b2410"), "#2b3fe0", "#ff5d5d"
    ),
    "plum": Palette(
        ("#faf3fd", "#e4c8f0", "#8a3ea8", "#4d1c63", "#270d35"), "#f2a72e", "#63dbe6"
    ),
    "snow": Palette(
        ("#ffffff", "#f1f4f8", "#dfe6ee", "#2f3944", "#12161c"), "#e5383b", "#2a9df4"
    ),
}


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


def scheme_of(look: Look, brand: BrandKit) -> Scheme:
    """Return the colours of a look; the brand's own palette comes first."""
    own = dict(brand.palettes).get(look.palette)
    return _scheme(look.palette, own, round(look.contrast, 2))


@lru_cache(maxsize=8192)
def _scheme(name: str, own: tuple[str, str, str] | None, contrast: float) -> Scheme:
    palette = PALETTES[name] if own is None else _brand_palette(*own)
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


@lru_cache(maxsize=256)
def _brand_palette(background: str, accent: str, ink: str) -> Palette:
    return Palette(
        ramp=(
            mix(background, "#ffffff", 0.92),
            mix(background, "#ffffff", 0.6),
            background,
            mix(background, ink, 0.6),
            ink,
        ),
        accent=accent,
        pop=mix(accent, "#ffffff", 0.45),
    )
