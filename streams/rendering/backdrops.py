"""Category group -> the world behind a product: track, hills, arch, table, ..."""

import math
from collections.abc import Callable

from streams.rendering.scene import Scene
from streams.rendering.svg import (
    circle,
    dotted,
    line,
    num,
    path,
    polygon,
    rays,
    rect,
    ring,
    see_through,
    square,
    wave,
)


def backdrop(scene: Scene) -> str:
    """Return the drawing behind a product of the scene's group."""
    return _BACKDROPS.get(scene.group, _life)(scene)


def _sport(s: Scene) -> str:
    near, far, pop, accent = s.scheme.tones
    width = s.reach * 0.16
    colours = (far, near, pop, near, far)
    lanes = (
        ring(s.w * 0.08, s.h * 1.05, s.reach * (0.42 + 0.34 * i), colour, width)
        for i, colour in enumerate(colours[: s.between(3, 5)])
    )
    return "".join(lanes) + circle(s.w * 0.88, s.h * 0.16, s.motif * 0.13, accent)


def _outdoor(s: Scene) -> str:
    near, far, pop, accent = s.scheme.tones
    w, h = s.w, s.h
    ridge = f"M0 {num(h * 0.72)}L{num(w * 0.26)} {num(h * 0.36)}L{num(w * 0.46)} "
    ridge += f"{num(h * 0.62)}L{num(w * 0.72)} {num(h * 0.28)}L{num(w)} {num(h * 0.66)}"
    ridge += f"V{num(h)}H0Z"
    sun = circle(w * 0.76, h * 0.3, s.motif * 0.3, pop)
    hill = path(wave(w, h * 0.84, h * 0.16, 1, h), accent)
    return sun + path(ridge, near) + path(wave(w, h * 0.76, h * 0.2, 1, h), far) + hill


def _fashion(s: Scene) -> str:
    near, far, pop, accent = s.scheme.tones
    arch = min(s.w * 0.62, s.h * 0.78)
    top = s.h * 0.14
    frames = "".join(
        path(
            f"M{num(s.cx - side / 2)} {num(s.h)}V{num(top + drop + side / 2)}"
            f"A{num(side / 2)} {num(side / 2)} 0 0 1 {num(s.cx + side / 2)} "
            f"{num(top + drop + side / 2)}V{num(s.h)}Z",
            colour,
        )
        for side, drop, colour in (
            (arch * 1.28, -arch * 0.14, near),
            (arch, 0.0, far),
        )
    )
    floor = rect(0, s.h * 0.86, s.w, s.h * 0.14, accent)
    return frames + floor + circle(s.w * 0.12, s.h * 0.18, s.motif * 0.12, pop)


def _beauty(s: Scene) -> str:
    near, far, pop, accent = s.scheme.tones
    petals = "".join(
        circle(
            s.cx + math.cos(angle) * s.motif * 0.46,
            s.cy + math.sin(angle) * s.motif * 0.46,
            s.motif * 0.42,
            colour,
            see_through(0.85),
        )
        for angle, colour in zip(
            (0.4, 1.66, 2.92, 4.18, 5.44), (far, near, pop, near, far), strict=True
        )
    )
    return petals + circle(s.w * 0.9, s.h * 0.12, s.motif * 0.1, accent)


def _tech(s: Scene) -> str:
    near, far, pop, accent = s.scheme.tones
    gap = max(12.0, s.motif / s.between(5, 9))
    dots = "".join(
        dotted(0, row * gap, s.w, gap, gap * 0.14, accent)
        for row in range(int(s.h / gap) + 1)
    )
    plates = "".join(
        square(s.cx, s.cy, side, colour, side * 0.24)
        for side, colour in ((s.motif * 1.5, near), (s.motif * 1.18, far))
    )
    spark = circle(s.cx + s.motif * 0.6, s.cy - s.motif * 0.6, s.motif * 0.1, pop)
    return dots + plates + spark


def _home(s: Scene) -> str:
    near, far, pop, accent = s.scheme.tones
    floor = s.h * 0.76
    window = min(s.w * 0.3, s.h * 0.36)
    panes = rect(s.w * 0.1, s.h * 0.14, window, window * 1.1, near, window * 0.08)
    bars = line(
        (s.w * 0.1 + window / 2, s.h * 0.14),
        (s.w * 0.1 + window / 2, s.h * 0.14 + window * 1.1),
        s.scheme.stage,
        3,
    )
    cord = line((s.w * 0.82, 0), (s.w * 0.82, s.h * 0.16), accent, 2)
    shade = polygon(
        (
            (s.w * 0.82 - s.motif * 0.06, s.h * 0.15),
            (s.w * 0.82 + s.motif * 0.06, s.h * 0.15),
            (s.w * 0.82 + s.motif * 0.16, s.h * 0.15 + s.motif * 0.15),
            (s.w * 0.82 - s.motif * 0.16, s.h * 0.15 + s.motif * 0.15),
        ),
        pop,
    )
    halo = circle(s.cx, floor, s.motif * 0.62, near)
    return panes + bars + cord + shade + halo + rect(0, floor, s.w, s.h - floor, far)


def _family(s: Scene) -> str:
    near, far, pop, accent = s.scheme.tones
    n = s.between(5, 10)
    side = s.w / n
    flags = "".join(
        polygon(
            ((i * side, 0), ((i + 1) * side, 0), ((i + 0.5) * side, side * 0.9)),
            (pop, accent, far)[i % 3],
        )
        for i in range(n)
    )
    hill = path(wave(s.w, s.h * 0.8, s.h * 0.18, 1, s.h), far)
    return circle(s.cx, s.cy, s.motif * 0.66, near) + hill + flags


def _culture(s: Scene) -> str:
    near, far, pop, accent = s.scheme.tones
    burst = rays(s.cx, s.cy, s.reach * 1.1, s.between(8, 16), near)
    return (
        burst
        + circle(s.cx, s.cy, s.motif * 0.68, far)
        + ring(s.cx, s.cy, s.motif * 0.76, (pop, accent)[s.seed % 2], s.motif * 0.03)
    )


def _food(s: Scene) -> str:
    near, far, pop, accent = s.scheme.tones
    n = s.between(5, 9)
    side = s.w / (2 * n)
    n_rows = int(s.h / (2 * side)) + 1
    cloth = "".join(
        rect(2 * i * side, 0, side, s.h, near, extra=see_through(0.55))
        for i in range(n)
    ) + "".join(
        rect(0, 2 * i * side, s.w, side, near, extra=see_through(0.55))
        for i in range(n_rows)
    )
    plate = circle(s.cx, s.cy, s.motif * 0.7, far) + ring(
        s.cx, s.cy, s.motif * 0.58, (pop, accent)[s.seed % 2], s.motif * 0.025
    )
    return cloth + plate


def _travel(s: Scene) -> str:
    near, far, pop, accent = s.scheme.tones
    horizon = s.h * 0.7
    sun = circle(s.cx, horizon, s.motif * 0.66, pop)
    sea = "".join(
        path(wave(s.w, horizon + s.h * drop, s.h * 0.045, n, s.h), colour)
        for drop, n, colour in ((0.0, 3, near), (0.1, 2, far), (0.2, 3, accent))
    )
    cloud = s.motif * 0.1
    clouds = rect(s.w * 0.08, s.h * 0.2, cloud * 4, cloud, near, cloud / 2)
    clouds += rect(s.w * 0.72, s.h * 0.12, cloud * 3, cloud, near, cloud / 2)
    return clouds + sun + sea


def _life(s: Scene) -> str:
    near, far, pop, accent = s.scheme.tones
    rings = "".join(
        circle(s.cx, s.cy, s.motif * radius, colour)
        for radius, colour in ((1.2, near), (0.92, s.scheme.stage), (0.68, far))
    )
    return rings + circle(
        s.w * 0.12, s.h * 0.82, s.motif * 0.12, (pop, accent)[s.seed % 2]
    )


_BACKDROPS: dict[str, Callable[[Scene], str]] = {
    "sport": _sport,
    "outdoor": _outdoor,
    "fashion": _fashion,
    "beauty": _beauty,
    "tech": _tech,
    "home": _home,
    "family": _family,
    "culture": _culture,
    "food": _food,
    "travel": _travel,
    "life": _life,
}
