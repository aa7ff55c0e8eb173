"""A place in a layout -> what decorates it, as SVG text."""

from streams.rendering.plan import Box, Form
from streams.rendering.shapes import (
    circle,
    path,
    polygon,
    rect,
    scallop,
    see_through,
)
from streams.rendering.svg import num


def seal(cx: float, cy: float, r: float, f: Form) -> str:
    """Return a scalloped seal with a shadow and a dotted line inside its edge."""
    shadow = scallop(cx, cy + 3 * f.unit, r * 1.06, 22, "#00000026")
    face = scallop(cx, cy, r * 1.05, 22, f.scheme.panel)
    dots = circle(
        cx,
        cy,
        r * 0.96,
        "none",
        f' stroke="{f.scheme.button_panel}" stroke-width="{num(1.4 * f.unit)}" '
        f'stroke-dasharray="{num(1.5 * f.unit)} {num(4 * f.unit)}" '
        'stroke-linecap="round"',
    )
    return shadow + face + dots


def mosaic(f: Form, box: Box, cell: float) -> str:
    """Return Bauhaus tiles that fill the box: quarters, halves, discs, bars."""
    colours = (*f.scheme.tones, f.scheme.stage)
    pieces = []
    for row in range(round(box.h / cell)):
        for column in range(round(box.w / cell)):
            x, y = box.x + column * cell, box.y + row * cell
            kind = (row * 5 + column * 3 + row * column) % 6
            back = colours[(row + 2 * column) % 5]
            front = colours[(row + 2 * column + 2 + kind % 2) % 5]
            pieces.append(rect(x, y, cell + 0.3, cell + 0.3, back))
            pieces.append(_tile(kind, x, y, cell, front))
    return "".join(pieces)


def _tile(kind: int, x: float, y: float, c: float, fill: str) -> str:
    shapes = (
        lambda: path(f"M{num(x)} {num(y)}h{num(c)}a{num(c)} {num(c)} 0 0 1 {num(-c)} "
                     f"{num(c)}z", fill),
        lambda: circle(x + c / 2, y + c / 2, c * 0.34, fill),
        lambda: path(f"M{num(x)} {num(y + c)}a{num(c / 2)} {num(c / 2)} 0 0 1 "
                     f"{num(c)} 0z", fill),
        lambda: path(f"M{num(x + c)} {num(y + c)}h{num(-c)}a{num(c)} {num(c)} 0 0 1 "
                     f"{num(c)} {num(-c)}z", fill),
        lambda: "".join(
            rect(x, y + c * (0.08 + 0.34 * i), c, c * 0.16, fill) for i in range(3)
        ),
        lambda: polygon(((x, y), (x + c, y + c), (x, y + c)), fill),
    )  # fmt: skip
    return shapes[kind]()


def lifted(box: Box, r: float, fill: str) -> str:
    """Return a panel with a soft shadow made of three faint layers."""
    shadow = "".join(
        rect(
            box.x - spread,
            box.y + 3 - spread / 2,
            box.w + 2 * spread,
            box.h + spread * 1.4,
            "#000000",
            r + spread,
            see_through(0.05),
        )
        for spread in (5.0, 3.0, 1.0)
    )
    return shadow + rect(box.x, box.y, box.w, box.h, fill, r)


def keyline(box: Box, f: Form, width: float) -> str:
    """Return a fine line around the box; its width in units of the form."""
    return rect(
        box.x,
        box.y,
        box.w,
        box.h,
        "none",
        extra=f' stroke="{f.scheme.on_ground}" stroke-width="{num(width * f.unit)}"',
    )
