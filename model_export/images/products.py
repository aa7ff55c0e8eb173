"""A seed -> pictures of ten everyday products, drawn here: nobody has to fetch data.

A product is a list of parts on a square from -1 to 1, y downwards. Cut, pose, colour,
light and background differ from picture to picture; left and right do not matter.
"""

import colorsys
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Points = NDArray[np.float64]
"""[n, 2]: corners of a polygon."""
Part = tuple[float, Points]
"""How bright beside the product's colour, and its outline."""
Colour = tuple[float, float, float]

CANVAS_PX: Final = 256
"""Drawn four times as large as the largest picture, then made smaller: soft edges."""
LEAST_CONTRAST: Final = 0.3
_SHADOW: Final = 0.8
_USUAL: Final = 0.8
"""Share of light backgrounds, and of long trousers."""


def draw_product(name: str, side: int, rng: np.random.Generator) -> Image.Image:
    """Return one picture of a product, `side` pixels wide and high."""
    colour, background = _colours(rng)
    picture = Image.new("RGB", (CANVAS_PX, CANVAS_PX), _bytes(background, 1))
    pen = ImageDraw.Draw(picture)
    pose = _pose(rng)
    shadow = _ellipse(0, 0.86, 0.6, 0.07)
    pen.polygon(_on_canvas(shadow, pose), _bytes(background, _SHADOW))
    for brightness, points in PRODUCTS[name](rng):
        pen.polygon(_on_canvas(points, pose), _bytes(colour, brightness))
    return _lit(picture.resize((side, side), Image.Resampling.BOX), rng)


def _colours(rng: np.random.Generator) -> tuple[Colour, Colour]:
    """Return a product's colour and one that it stands out from."""
    while True:
        colour = colorsys.hsv_to_rgb(*rng.uniform((0, 0.2, 0.25), (1, 0.95, 0.95)))
        value = rng.uniform(0.8, 1) if rng.random() < _USUAL else rng.uniform(0.1, 0.4)
        background = colorsys.hsv_to_rgb(rng.random(), rng.uniform(0, 0.25), value)
        if abs(sum(colour) - sum(background)) / 3 >= LEAST_CONTRAST:
            return colour, background


def _pose(rng: np.random.Generator) -> Points:
    """Return a matrix [2, 3] that turns, scales, mirrors and shifts a little."""
    angle = rng.uniform(-0.15, 0.15)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    scale = (
        rng.uniform(0.75, 0.95) * rng.uniform(0.92, 1.08, 2) * (rng.choice((-1, 1)), 1)
    )
    return np.column_stack((turn * scale, rng.uniform(-0.1, 0.1, 2)))


def _lit(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return a picture under a light that comes from one side."""
    across, down = rng.uniform(-0.15, 0.15, 2)
    ramp = np.linspace(-1, 1, picture.width)
    light = 1 + across * ramp[None, :, None] + down * ramp[:, None, None]
    return Image.fromarray((np.asarray(picture) * light).clip(0, 255).astype(np.uint8))


def _on_canvas(points: Points, pose: Points) -> list[tuple[float, float]]:
    placed = points @ pose[:, :2].T + pose[:, 2]
    return [(x, y) for x, y in (placed + 1) * (CANVAS_PX / 2)]


def _bytes(colour: Colour, brightness: float) -> tuple[int, int, int]:
    red, green, blue = (min(255, int(255 * part * brightness)) for part in colour)
    return red, green, blue


def _polygon(*corners: tuple[float, float]) -> Points:
    return np.array(corners)


def _symmetric(*right: tuple[float, float]) -> Points:
    """Return an outline whose left half mirrors the corners of the right one."""
    return np.array([*right, *((-x, y) for x, y in reversed(right))])


def _both_sides(*right: tuple[float, float]) -> list[Points]:
    return [np.array(right), np.array(right) * (-1, 1)]


def _box(left: float, top: float, right: float, bottom: float) -> Points:
    return _polygon((left, top), (right, top), (right, bottom), (left, bottom))


def _ellipse(
    x: float, y: float, width: float, height: float, start: float = 0, end: float = 2
) -> Points:
    """Return an arc between two angles in half turns; width and height are radii."""
    turn = np.linspace(start * np.pi, end * np.pi, 40)
    return np.column_stack((x + width * np.cos(turn), y + height * np.sin(turn)))


def _arc(
    x: float, y: float, width: float, height: float, end: float, thick: float
) -> Points:
    """Return a bent bar: a handle."""
    outer = _ellipse(x, y, width, height, -1, end - 1)
    inner = _ellipse(x, y, width - thick, height - thick, -1, end - 1)
    return np.vstack((outer, inner[::-1]))


def _shirt(rng: np.random.Generator) -> list[Part]:
    wide, hem, sleeve = rng.uniform((0.36, 0.6, 0.2), (0.5, 0.8, 0.85))
    arms = _both_sides(
        (0.2, -0.62),
        (wide + 0.05, -0.5),
        (wide + 0.2 + sleeve / 5, -0.4 + sleeve),
        (wide + 0.02 + sleeve / 6, -0.3 + sleeve),
        (wide - 0.02, -0.1),
    )
    body = _symmetric((0.18, -0.65), (wide, -0.45), (wide, hem))
    neck = _ellipse(0, -0.64, 0.17, rng.uniform(0.06, 0.2), 0, 1)
    return [*((0.85, arm) for arm in arms), (1, body), (0.5, neck)]


def _trousers(rng: np.random.Generator) -> list[Part]:
    hip, hem, leg = rng.uniform((0.27, 0.25, 0.13), (0.38, 0.5, 0.2))
    length = rng.uniform(0.75, 0.85) if rng.random() < _USUAL else rng.uniform(0.1, 0.3)
    legs = _symmetric(
        (hip, -0.8), (hem + leg / 2, length), (hem - leg, length), (0.02, -0.3)
    )
    return [
        (1, legs),
        (0.6, _box(-hip, -0.8, hip, -0.7)),
        (0.7, _box(-0.01, -0.7, 0.01, -0.3)),
    ]


def _dress(rng: np.random.Generator) -> list[Part]:
    bust, waist, hem = rng.uniform((0.2, 0.13, 0.35), (0.3, 0.2, 0.65))
    middle, length = rng.uniform((-0.2, 0.45), (0.05, 0.85))
    straps = _both_sides((bust, -0.5), (bust - 0.09, -0.5), (0.1, -0.85), (0.17, -0.85))
    body = _symmetric((bust, -0.55), (waist, middle), (hem, length))
    belt = _box(-waist - 0.02, middle - 0.04, waist + 0.02, middle + 0.05)
    return [*((0.9, strap) for strap in straps), (1, body), (0.55, belt)]


def _shoe(rng: np.random.Generator) -> list[Part]:
    ankle, toe, sole = rng.uniform((-0.5, 0.0, 0.08), (-0.1, 0.2, 0.2))
    upper = _polygon(
        (-0.78, 0.5), (-0.72, ankle), (-0.25, ankle), (-0.05, 0.05), (0.5, toe),
        (0.78, 0.3), (0.8, 0.5),
    )  # fmt: skip
    laces = [
        (
            1.6,
            _polygon((x, y), (x + 0.16, y + 0.06), (x + 0.16, y + 0.1), (x, y + 0.05)),
        )
        for x, y in ((-0.26, ankle + 0.12), (-0.2, ankle + 0.24))
    ]
    return [(1, upper), *laces, (0.45, _box(-0.82, 0.5, 0.84, 0.5 + sole))]


def _bag(rng: np.random.Generator) -> list[Part]:
    top, bottom, height = rng.uniform((0.4, 0.5, 0.2), (0.6, 0.75, 0.65))
    handle = _arc(0, -0.1, rng.uniform(0.25, 0.38), 0.2 + height / 1.2, 1, 0.08)
    body = _symmetric((top, -0.1), (bottom, 0.75))
    flap = _symmetric((top, -0.1), (top + 0.03, 0.12), (0.1, rng.uniform(0.15, 0.4)))
    return [
        (0.6, handle),
        (1, body),
        (0.78, flap),
        (1.6, _ellipse(0, 0.22, 0.06, 0.06)),
    ]


def _cup(rng: np.random.Generator) -> list[Part]:
    rim, foot, top = rng.uniform((0.38, 0.25, -0.6), (0.52, 0.4, -0.2))
    handle = _arc(rim - 0.02, top / 2 + 0.3, 0.32, 0.3, 2, 0.1)
    body = _symmetric((rim, top), (foot, 0.72))
    return [(0.85, handle), (1, body), (0.5, _ellipse(0, top, rim, 0.12))]


def _lamp(rng: np.random.Generator) -> list[Part]:
    narrow, wide, foot, edge = rng.uniform(
        (0.15, 0.4, 0.25, -0.3), (0.35, 0.65, 0.4, 0.05)
    )
    shade = _symmetric((narrow, -0.85), (wide, edge))
    return [
        (0.4, _box(-0.04, edge, 0.04, 0.75)),
        (0.5, _ellipse(0, 0.77, foot, 0.1)),
        (1, shade),
        (1.4, _symmetric((wide - 0.02, edge - 0.06), (wide, edge))),
    ]


def _chair(rng: np.random.Generator) -> list[Part]:
    wide, back, seat = rng.uniform((0.3, -0.85, 0.0), (0.42, -0.5, 0.15))
    front = seat + rng.uniform(0.15, 0.25)
    legs = _both_sides(
        (wide, front), (wide + 0.09, front), (wide + 0.09, 0.85), (wide + 0.02, 0.85)
    )
    rear = _both_sides(
        (wide - 0.16, front),
        (wide - 0.09, front),
        (wide - 0.1, 0.68),
        (wide - 0.15, 0.68),
    )
    posts = _both_sides(
        (wide - 0.08, back), (wide, back), (wide, seat), (wide - 0.08, seat)
    )
    return [
        *((0.45, leg) for leg in (*rear, *legs)),
        *((0.6, post) for post in posts),
        (0.95, _box(-wide, back, wide, back + rng.uniform(0.25, 0.5))),
        (1, _symmetric((wide, seat), (wide + 0.12, front))),
        (0.7, _box(-wide - 0.12, front, wide + 0.12, front + 0.06)),
    ]


def _bottle(rng: np.random.Generator) -> list[Part]:
    wide, neck, shoulder = rng.uniform((0.2, 0.07, -0.35), (0.34, 0.12, 0.0))
    body = _symmetric(
        (neck, -0.75), (neck, shoulder - 0.15), (wide, shoulder + 0.1), (wide, 0.82)
    )
    label = _box(-wide, shoulder + 0.3, wide, rng.uniform(0.5, 0.7))
    cap = _box(-neck - 0.02, -0.9, neck + 0.02, -0.72)
    return [(1, body), (1.7, label), (0.4, cap)]


def _hat(rng: np.random.Generator) -> list[Part]:
    brim, crown, height = rng.uniform((0.65, 0.35, 0.5), (0.92, 0.5, 0.85))
    band = _symmetric((crown * 0.98, 0.15), (crown, 0.35))
    top = _ellipse(0, 0.38, crown, height, 1, 2)
    return [(0.85, _ellipse(0, 0.38, brim, 0.18)), (1, top), (0.45, band)]


PRODUCTS: Final[dict[str, Callable[[np.random.Generator], list[Part]]]] = {
    "bag": _bag,
    "bottle": _bottle,
    "chair": _chair,
    "cup": _cup,
    "dress": _dress,
    "hat": _hat,
    "lamp": _lamp,
    "shirt": _shirt,
    "shoe": _shoe,
    "trousers": _trousers,
}
"""Name -> how one is cut; sorted."""
