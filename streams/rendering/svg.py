"""Numbers, colours and words -> pieces of SVG, every word escaped; basic shapes."""

import math
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from html import escape

_MAX_TEXT = 400

_FORBIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # Unicode's control blocks
    "\ud800-\udfff"  # surrogates
    "\u202a-\u202e\u2066-\u2069"  # bidirectional overrides
    # The last two of each plane are no characters.
    + "".join(f"{chr(end - 1)}{chr(end)}" for end in range(0xFFFF, 0x110000, 0x10000))
    + "]"
)

Point = tuple[float, float]

_GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))


@lru_cache(maxsize=16384)
def clean(text: str) -> str:
    """Return the text without characters that XML forbids or that turn its direction.

    Control characters, surrogates, non-characters and bidirectional overrides go;
    runs of white space become one space; at most 400 characters stay.
    """
    kept = _FORBIDDEN.sub(" ", text[: 4 * _MAX_TEXT])
    return " ".join(kept.split())[:_MAX_TEXT]


@lru_cache(maxsize=16384)
def escaped(text: str) -> str:
    """Return the text ready for an element's content or a quoted attribute."""
    return escape(clean(text), quote=True)


@lru_cache(maxsize=65536)  # a card has some hundred numbers, most of them known
def num(value: float) -> str:
    """Return a coordinate with at most two decimals: 12.50 -> 12.5, -0.0 -> 0."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def rect(
    x: float, y: float, w: float, h: float, fill: str, r: float = 0, extra: str = ""
) -> str:
    """Return a rectangle with corner radius `r`."""
    corner = f' rx="{num(r)}"' if r else ""
    return (
        f'<rect x="{num(x)}" y="{num(y)}" width="{num(w)}" height="{num(h)}"'
        f'{corner} fill="{fill}"{extra}/>'
    )


def circle(cx: float, cy: float, r: float, fill: str, extra: str = "") -> str:
    """Return a disc."""
    return f'<circle cx="{num(cx)}" cy="{num(cy)}" r="{num(r)}" fill="{fill}"{extra}/>'


def square(cx: float, cy: float, side: float, fill: str, r: float = 0) -> str:
    """Return a square by its middle."""
    return rect(cx - side / 2, cy - side / 2, side, side, fill, r)


def ring(cx: float, cy: float, r: float, stroke: str, width: float) -> str:
    """Return a circle's outline."""
    return circle(cx, cy, r, "none", outline(stroke, width))


def ellipse(
    cx: float, cy: float, rx: float, ry: float, fill: str, extra: str = ""
) -> str:
    """Return a filled ellipse."""
    return (
        f'<ellipse cx="{num(cx)}" cy="{num(cy)}" rx="{num(rx)}" ry="{num(ry)}" '
        f'fill="{fill}"{extra}/>'
    )


def path(d: str, fill: str, extra: str = "") -> str:
    """Return a path; `d` is built from numbers."""
    return f'<path d="{d}" fill="{fill}"{extra}/>'


def polygon(points: Iterable[Point], fill: str, extra: str = "") -> str:
    """Return a closed polygon."""
    joined = " ".join(f"{num(x)},{num(y)}" for x, y in points)
    return f'<polygon points="{joined}" fill="{fill}"{extra}/>'


def bow(edge: float, swell: float, h: float) -> str:
    """Return the bowed right edge of a picture, from (edge, 0) to (edge, h)."""
    return f"Q{num(edge + 2 * swell)} {num(h / 2)} {num(edge)} {num(h)}"


def line(one: Point, other: Point, stroke: str, width: float) -> str:
    """Return a straight line with round ends."""
    return path(
        f"M{num(one[0])} {num(one[1])}L{num(other[0])} {num(other[1])}",
        "none",
        outline(stroke, width, ' stroke-linecap="round"'),
    )


def dotted(
    x: float, y: float, right: float, gap: float, width: float, fill: str
) -> str:
    """Return a row of dots, `gap` apart: a line of dashes with no length."""
    dashes = f' stroke-linecap="round" stroke-dasharray="0 {num(gap)}"'
    return path(
        f"M{num(x)} {num(y)}H{num(right + gap)}", "none", outline(fill, width, dashes)
    )


def outline(stroke: str, width: float, extra: str = "") -> str:
    """Return stroke attributes."""
    return f' stroke="{stroke}" stroke-width="{num(width)}"{extra}'


def see_through(opacity: float) -> str:
    """Return an opacity attribute."""
    return f' opacity="{num(opacity)}"'


def placed(
    content: str, x: float, y: float, scale: float = 1.0, turn: float = 0.0
) -> str:
    """Return the content moved, then turned by degrees, then scaled."""
    moves = f"translate({num(x)} {num(y)})"
    if turn:
        moves += f" rotate({num(turn)})"
    if scale != 1.0:
        moves += f" scale({scale:.4g})"
    return f'<g transform="{moves}">{content}</g>'


def rays(cx: float, cy: float, radius: float, n: int, fill: str) -> str:
    """Return a sunburst of `n` wedges, each as wide as the gap beside it."""
    step = math.pi / n
    wedges = "".join(
        f"M{num(cx)} {num(cy)}L{_at(cx, cy, radius, 2 * i * step)}"
        f"L{_at(cx, cy, radius, (2 * i + 1) * step)}Z"
        for i in range(n)
    )
    return path(wedges, fill)


def scallop(cx: float, cy: float, radius: float, n: int, fill: str) -> str:
    """Return a seal: a disc whose edge has `n` round bumps."""
    step = 2 * math.pi / n
    bump = radius * math.sin(step / 2)
    start = _at(cx, cy, radius, 0)
    arcs = "".join(
        f"A{num(bump)} {num(bump)} 0 0 1 {_at(cx, cy, radius, (i + 1) * step)}"
        for i in range(n)
    )
    return path(f"M{start}{arcs}Z", fill)


def wave(w: float, y: float, swing: float, n: int, bottom: float) -> str:
    """Return the path of a wave of `n` swells from x = 0 to w, filled to `bottom`."""
    half = w / (2 * n)
    swells = "".join(
        f"q{num(half / 2)} {num(swing if i % 2 else -swing)} {num(half)} 0"
        for i in range(2 * n)
    )
    return f"M0 {num(y)}{swells}V{num(bottom)}H0Z"


def spiral(n: int, seed: int) -> Iterator[tuple[float, float, float]]:
    """Yield `n` points on the unit disc, evenly spread, with a rank from 0 to 1.

    Source: H. Vogel, "A better way to construct the sunflower head" (1979).
    """
    for i in range(n):
        angle = (i + seed % 97) * _GOLDEN_ANGLE
        radius = math.sqrt((i + 0.5) / n)
        yield radius * math.cos(angle), radius * math.sin(angle), i / n


def _at(cx: float, cy: float, radius: float, angle: float) -> str:
    x, y = cx + radius * math.cos(angle), cy + radius * math.sin(angle)
    return f"{num(x)} {num(y)}"
