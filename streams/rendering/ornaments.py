"""The small parts: button, badge, brand name, disclosure; what decorates a layout."""

from model_export.space.drawings import Badge
from streams.rendering.colour import readable
from streams.rendering.plan import Box, Corner, Form, Inks
from streams.rendering.scheme import Look, Scheme
from streams.rendering.svg import (
    circle,
    num,
    outline,
    path,
    placed,
    polygon,
    rect,
    scallop,
    see_through,
)
from streams.rendering.typeface import Face, Typography, width_em
from streams.rendering.wording import Language
from streams.rendering.wrapping import Lines, set_lines, shorten

_INSET = 1.2
"""Space before and after a button's label, em."""
_SMALLEST_LABEL = 0.76


class Button:
    """A call to action, measured before it is placed."""

    def __init__(
        self, label: str, look: Look, type_: Typography, px: float, most: float
    ) -> None:
        self._face = type_.label
        natural = _button_width(label, look, self._face, px)
        px *= min(1.0, max(most / natural, _SMALLEST_LABEL))
        self._arrow = px * 1.15 if look.tone.arrow else 0.0
        self._inset = px * _INSET
        room = most - 2 * self._inset - self._arrow
        self._lines: Lines = shorten(
            label, self._face, max(room, px) + 0.5, px * self._face.optical
        )
        self.width = self._lines.widths[0] + 2 * self._inset + self._arrow
        self.height = px * 2.35
        self._corner = type_.corner * self.height / 2
        self._px = px

    def at(self, x: float, y: float, inks: Inks) -> str:
        """Return the button with its upper left corner at (x, y)."""
        plate = rect(x, y, self.width, self.height, inks.button, self._corner)
        top = y + (self.height - self._lines.size * self._face.leading) / 2
        words = set_lines(self._lines, self._face, x + self._inset, top, inks.on_button)
        return f'<g class="cta">{plate}{words}{self._drawn_arrow(x, y, inks)}</g>'

    def _drawn_arrow(self, x: float, y: float, inks: Inks) -> str:
        if not self._arrow:
            return ""
        size = self._px * 0.3
        tip = x + self.width - self._inset + self._px * 0.1
        middle = y + self.height / 2
        back, wing = num(-size), num(size)
        d = f"M{num(tip - size * 2.4)} {num(middle)}H{num(tip)}"
        d += f"m{back} {back}l{wing} {wing}l{back} {wing}"
        round_ends = ' stroke-linecap="round" stroke-linejoin="round"'
        return path(d, "none", outline(inks.on_button, self._px * 0.13, round_ends))


def _button_width(label: str, look: Look, face: Face, px: float) -> float:
    arrow = 1.15 if look.tone.arrow else 0.0
    return px * (width_em(label, face) * face.optical + 2 * _INSET + arrow)


def badge(
    own: Badge,
    language: Language,
    type_: Typography,
    scheme: Scheme,
    at: Corner,
    unit: float,
) -> str:
    """Return the badge hanging from a corner; nothing when it has no shape."""
    if not own.shape:
        return ""
    plate = own.plate or scheme.pop
    ink = scheme.on_pop
    if own.plate or own.ink:
        ink = readable(own.ink or ink, plate)
    draw = _seal if own.shape == "seal" else _tag
    return draw(own, own.words[language], type_.label, (plate, ink), at, unit)


def _seal(
    own: Badge,
    label: str,
    face: Face,
    colours: tuple[str, str],
    at: Corner,
    unit: float,
) -> str:
    lines = shorten(label, face, 60 * unit, 11.5 * unit)
    r = max(lines.widths[0] / 2 + 7 * unit, 19 * unit)
    cx, cy = at.x + r * (1 - 2 * at.hang), at.y + r
    disc = scallop(0, 0, r * 0.94, own.bumps, colours[0])
    top = -lines.size * face.leading / 2
    words = set_lines(lines, face, 0, top, colours[1], 0.5)
    return placed(disc + words, cx, cy, 1.0, own.turn)


def _tag(
    own: Badge,
    label: str,
    face: Face,
    colours: tuple[str, str],
    at: Corner,
    unit: float,
) -> str:
    size = 10.6 * unit
    lines = shorten(label, face, 80 * unit, size)
    height, sign = size * 1.95, size * 0.95
    width = lines.widths[0] + sign + size * 1.75
    x = at.x - at.hang * width
    plate = rect(x, at.y, width, height, colours[0], height * own.corner)
    drawn = placed(
        path(own.sign, colours[1], ' fill-rule="evenodd"'),
        x + size * 0.62,
        at.y + (height - sign) / 2,
        sign / 10,
    )
    top = at.y + (height - size * face.leading) / 2
    words = set_lines(lines, face, x + size * 0.98 + sign, top, colours[1])
    return plate + drawn + words


def disclosure(
    text: str, face: Face, inks: tuple[str, str], at: Corner, unit: float
) -> str:
    """Return the mark that this is an ad made by AI, its lower edge on the corner.

    It has no plate of its own where `inks` names no ground: it lies on the card's.
    """
    ground, ink = inks
    size = 8.2 * unit
    lines = shorten(text, face, 200 * unit, size)
    width, height = lines.widths[0] + size, size * 1.6
    x = at.x - at.hang * width
    plate = rect(x, at.y - height, width, height, ground, size * 0.35) if ground else ""
    top = at.y - height + (height - size * face.leading) / 2
    return plate + set_lines(lines, face, x + size / 2, top, ink)


def signature(
    name: str, face: Face, inks: Inks, x: float, top: float, px: float, most: float
) -> str:
    """Return the brand's monogram and name on one line, `px` * 1.5 high."""
    r = px * 0.75
    lines = shorten(name, face, most - 2.6 * r, px)
    initial = shorten(name[:1].upper(), face, 2 * r, px * 0.9)
    disc = circle(x + r, top + r, r, inks.button)
    letter = set_lines(
        initial,
        face,
        x + r,
        top + r - initial.size * face.leading / 2,
        inks.on_button,
        0.5,
    )
    words = set_lines(
        lines, face, x + 2.6 * r, top + r - px * face.leading / 2, inks.strong
    )
    return disc + letter + words


def signature_width(name: str, face: Face, px: float, most: float) -> float:
    """Return how wide `signature` is drawn, px."""
    return 2.6 * px * 0.75 + shorten(name, face, most - 2.6 * px * 0.75, px).widths[0]


def seal(cx: float, cy: float, r: float, f: Form) -> str:
    """Return a scalloped seal with a shadow and a dotted line inside its edge."""
    shadow = scallop(cx, cy + 3 * f.unit, r * 1.06, 22, "#00000026")
    face = scallop(cx, cy, r * 1.05, 22, f.scheme.panel)
    dots = circle(
        cx,
        cy,
        r * 0.96,
        "none",
        outline(f.scheme.button_panel, 1.4 * f.unit)
        + f' stroke-dasharray="{num(1.5 * f.unit)} {num(4 * f.unit)}" '
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
    return shadow + box.filled(fill, r)


def keyline(box: Box, f: Form, width: float) -> str:
    """Return a fine line around the box; its width in units of the form."""
    return box.filled("none", extra=outline(f.scheme.on_ground, width * f.unit))
