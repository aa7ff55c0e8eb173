"""Hero attribute -> the main drawing of a card."""

from collections.abc import Callable

from streams.rendering.backdrops import backdrop
from streams.rendering.person import person
from streams.rendering.scene import Scene
from streams.rendering.svg import (
    circle,
    dotted,
    ellipse,
    num,
    path,
    placed,
    rays,
    rect,
    ring,
    see_through,
    spiral,
    square,
    wave,
)


def hero(name: str, scene: Scene) -> str:
    """Return the drawing of a hero, with its ground, over the whole scene."""
    ground = rect(0, 0, scene.w, scene.h, scene.scheme.stage)
    return ground + HEROES[name](scene)


def _product(s: Scene) -> str:
    return backdrop(s) + _standing(s, s.cx, s.cy, s.motif)


def _standing(s: Scene, cx: float, cy: float, size: float) -> str:
    """Return the colour picture with a soft shadow under it."""
    shadow = ellipse(
        cx, cy + size * 0.5, size * 0.36, size * 0.055, "#000000", see_through(0.16)
    )
    return shadow + s.art.picture(cx, cy, size)


def _person(s: Scene) -> str:
    near, far, pop, _accent = s.scheme.tones
    size = min(s.h * 0.94, s.w * 0.94)
    halo = circle(s.cx, s.cy, s.motif * 0.74, near)
    halo += ring(s.cx, s.cy, s.motif * 0.86, far, s.motif * 0.03)
    figure = placed(person(s.seed, s.scheme), s.cx - size / 2, s.h - size, size / 100)
    r = s.motif * 0.21
    x, y = min(s.cx + size * 0.34, s.w - r * 1.2), s.h - r * 1.45
    roundel = circle(x, y, r, pop) + s.art.sign(x, y, r * 1.3, s.scheme.on_pop)
    return halo + _orbit(s, s.motif * 0.9) + figure + roundel


def _pattern(s: Scene) -> str:
    """Return wallpaper: a block of 4 x 2 cells, repeated."""
    side = max(min(s.w, s.h) / s.between(3, 6), 18.0)
    cells = "".join(
        _cell(s, (column + 2 * row + s.seed) % 4, column, row, side)
        for row in range(2)
        for column in range(4)
    )
    glyph = f'<g id="{s.uid}p">{s.art.glyph}</g>'
    block = (
        f'<pattern id="{s.uid}w" width="{num(4 * side)}" height="{num(2 * side)}" '
        f'patternUnits="userSpaceOnUse">{cells}</pattern>'
    )
    return f"<defs>{glyph}{block}</defs>" + rect(0, 0, s.w, s.h, f"url(#{s.uid}w)")


def _cell(s: Scene, kind: int, column: int, row: int, side: float) -> str:
    near, far, pop, accent = s.scheme.tones
    x, y = (column + 0.5) * side, (row + 0.5) * side
    if kind == 0:
        return circle(x, y, side * 0.24, (pop, far)[column % 2])
    corner = side * 0.31
    sign = (
        f'<use href="#{s.uid}p" fill="{s.scheme.on_stage if kind == 1 else accent}" '
        f'transform="translate({num(x - corner)} {num(y - corner)}) '
        f'scale({side * 0.62 / 256:.4g})"/>'
    )
    plated = kind == 2  # noqa: PLR2004 - every fourth cell
    return (square(x, y, side, near) if plated else "") + sign


def _gradient(s: Scene) -> str:
    near, _far, pop, accent = s.scheme.tones
    glows = (
        (0.15, 0.2, 0.95, accent),
        (0.9, 0.15, 0.8, pop),
        (0.7, 0.95, 1.0, near),
        (0.1, 0.95, 0.7, s.scheme.stage_far),
    )[: s.between(2, 4)]
    defs = "".join(
        f'<radialGradient id="{s.uid}g{i}"><stop offset="0" stop-color="{colour}"/>'
        f'<stop offset="1" stop-color="{colour}" stop-opacity="0"/></radialGradient>'
        for i, (_x, _y, _r, colour) in enumerate(glows)
    )
    lights = "".join(
        circle(s.w * x, s.h * y, s.reach * r, f"url(#{s.uid}g{i})")
        for i, (x, y, r, _colour) in enumerate(glows)
    )
    glass = circle(s.cx, s.cy, s.motif * 0.5, "#ffffff", see_through(0.22))
    glass += ring(s.cx, s.cy, s.motif * 0.5, "#ffffff", 1.2)
    sign = s.art.sign(s.cx, s.cy, s.motif * 0.56, "#ffffff")
    return f"<defs>{defs}</defs>{lights}{glass}{sign}"


def _icon(s: Scene) -> str:
    near, far, pop, _accent = s.scheme.tones
    r = s.motif * 0.52
    rings = circle(s.cx, s.cy, r * 1.34, near) + ring(s.cx, s.cy, r * 1.16, far, 1.5)
    disc = circle(s.cx, s.cy, r, s.scheme.accent)
    sign = s.art.sign(s.cx, s.cy, r * 1.24, s.scheme.on_accent)
    dot = circle(s.cx + r * 0.78, s.cy - r * 0.78, r * 0.2, pop)
    return rings + _orbit(s, r * 1.6) + disc + sign + dot


def _number(s: Scene) -> str:
    near, far, pop, accent = s.scheme.tones
    size = min(s.h * 0.84, s.w * 0.62)
    label = f"{s.seed % 100:02d}"
    blocks = rect(0, s.h * 0.5, s.w, s.h * 0.5, near)
    blocks += circle(s.w * 0.84, s.h * 0.2, s.motif * 0.3, pop)
    width = size * 1.22
    digits = (
        f'<text aria-hidden="true" x="{num(s.cx)}" y="{num(s.cy + size * 0.36)}" '
        f"text-anchor=\"middle\" font-family=\"'Archivo Black','Arial Black',Impact,"
        f'sans-serif" font-size="{num(size)}" textLength="{num(width)}" '
        f'lengthAdjust="spacingAndGlyphs" fill="{accent}">{label}</text>'
    )
    r = s.motif * 0.19
    x, y = s.cx, s.cy + size * 0.42
    badge = circle(x, y, r, s.scheme.stage) + circle(x, y, r * 0.88, far)
    stripes = "".join(
        rect(0, s.h * 0.5 + i * s.h * 0.08, s.w, 1, far)
        for i in range(1, s.between(2, 6))
    )
    return (
        blocks + stripes + digits + badge + s.art.sign(x, y, r * 1.2, s.scheme.on_stage)
    )


def _photo(s: Scene) -> str:
    near, far, pop, accent = s.scheme.tones
    size = min(s.w * 0.8, s.h * 0.8)
    room = Scene(
        size * 0.88,
        size * 0.74,
        s.scheme,
        s.art,
        "outdoor" if s.group in ("sport", "outdoor", "travel") else "home",
        s.density,
        s.seed,
        f"{s.uid}f",
    )
    inside = rect(0, 0, room.w, room.h, near) + backdrop(room)
    inside += _standing(room, room.cx, room.h * 0.56, room.h * 0.66)
    clip = (
        f'<clipPath id="{s.uid}f"><rect width="{num(room.w)}" height="{num(room.h)}"/>'
        "</clipPath>"
    )
    shot = placed(
        f'<defs>{clip}</defs><g clip-path="url(#{s.uid}f)">{inside}</g>',
        -room.w / 2,
        -size * 0.44,
    )
    paper = square(0, 0, size, "#fffdf8", size * 0.02)
    caption = rect(-size * 0.2, size * 0.385, size * 0.4, 3, far, 1.5)
    shadow = rect(
        -size / 2 + 3, -size / 2 + 5, size, size, "#000000", 4, see_through(0.18)
    )
    behind = placed(square(0, 0, size, accent, size * 0.02), s.cx, s.cy, 1, 9)
    glint = circle(s.w * 0.1, s.h * 0.12, s.motif * 0.16, pop)
    tilt = -5 + 2 * s.density
    return glint + behind + placed(shadow + paper + shot + caption, s.cx, s.cy, 1, tilt)


def _duo(s: Scene) -> str:
    near, far, pop, accent = s.scheme.tones
    r = min(s.motif * 0.56, s.w * 0.27)
    shift = r * (0.82 - 0.2 * s.density)
    left, right = s.cx - shift, s.cx + shift
    discs = circle(left, s.cy, r, pop) + circle(
        right, s.cy, r, accent, see_through(0.9)
    )
    lens = ring(left, s.cy, r * 1.12, near, 2) + ring(right, s.cy, r * 1.12, far, 2)
    sign = s.art.sign(right + r * 0.2, s.cy, r * 1.0, s.scheme.on_accent)
    return lens + discs + sign + _standing(s, left - r * 0.2, s.cy, r * 1.1)


def _wave(s: Scene) -> str:
    near, far, pop, accent = s.scheme.tones
    n = s.between(1, 3)
    back = circle(s.w * 0.78, s.h * 0.26, s.motif * 0.34, pop)
    rows = ((0.46, near), (0.6, far), (0.74, accent), (0.88, s.scheme.ground))
    swing = min(s.h * 0.12, s.w * 0.16 / n)
    waves = [
        path(wave(s.w, s.h * y, swing, n + i % 2, s.h), colour)
        for i, (y, colour) in enumerate(rows)
    ]
    picture = s.art.picture(s.cx, s.h * 0.5, s.motif * 0.86, -6)
    return back + waves[0] + waves[1] + picture + waves[2] + waves[3]


def _stripes(s: Scene) -> str:
    near, far, pop, accent = s.scheme.tones
    n = s.between(7, 15)
    burst = rays(s.cx, s.h * 0.62, s.reach * 1.3, n, near)
    disc = circle(s.cx, s.cy, s.motif * 0.62, (pop, accent)[s.seed % 2])
    rim = ring(s.cx, s.cy, s.motif * 0.7, far, 3)
    return burst + rim + disc + _standing(s, s.cx, s.cy, s.motif * 0.8)


def _dots(s: Scene) -> str:
    near, far, pop, accent = s.scheme.tones
    gap = min(s.w, s.h) / s.between(7, 12)
    rows = []
    for row in range(int(s.h / gap) + 1):
        width = gap * 0.92 * (1 - row * gap / (s.h * 1.15))
        if width > 1:
            rows.append(dotted(gap * 0.5 * (row % 2), row * gap, s.w, gap, width, near))
    disc = circle(s.cx, s.cy, s.motif * 0.6, (accent, pop)[s.seed % 2])
    halo = circle(s.cx, s.cy, s.motif * 0.68, s.scheme.stage)
    back = "".join(rows) + halo + disc
    return (
        back
        + ring(s.cx, s.cy, s.motif * 0.68, far, 2)
        + _standing(s, s.cx, s.cy, s.motif * 0.82)
    )


def _none(s: Scene) -> str:
    near, far, _pop, _accent = s.scheme.tones
    big, small = min(s.w, s.h) * 0.95, min(s.w, s.h) * (0.35 + 0.25 * s.density)
    return circle(s.w, s.h, big, near) + circle(s.w, s.h, small, far)


def _orbit(s: Scene, radius: float) -> str:
    """Return small discs and rings around the motif: more in busier designs."""
    _near, far, pop, accent = s.scheme.tones
    marks = []
    for i, (x, y, rank) in enumerate(spiral(s.between(3, 14), s.seed)):
        length = max((x * x + y * y) ** 0.5, 0.01)
        px = s.cx + x / length * radius * (1.0 + 0.5 * rank)
        py = s.cy + y / length * radius * (1.0 + 0.5 * rank)
        r = s.motif * (0.022 + 0.022 * (i % 3))
        hollow = i % 4 == 3  # noqa: PLR2004 - every fourth mark
        colour = (pop, accent, far)[i % 3]
        marks.append(
            ring(px, py, r, colour, 1.6) if hollow else circle(px, py, r, colour)
        )
    return "".join(marks)


HEROES: dict[str, Callable[[Scene], str]] = {
    "product": _product,
    "person": _person,
    "pattern": _pattern,
    "gradient": _gradient,
    "icon": _icon,
    "number": _number,
    "photo": _photo,
    "duo": _duo,
    "wave": _wave,
    "stripes": _stripes,
    "dots": _dots,
    "none": _none,
}
