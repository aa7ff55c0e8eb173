"""A column's parts, one under another, as large as all of them fit its box."""

from dataclasses import dataclass
from functools import lru_cache

from schemas.records import Copy
from streams.rendering.ornaments import Button, signature, signature_width
from streams.rendering.plan import Column
from streams.rendering.scheme import Look
from streams.rendering.typeface import Typography, typography
from streams.rendering.wording import Language, sentences_of
from streams.rendering.wrapping import Lines, fit, set_lines, shorten

_STEPS = (1.0, 0.94, 0.88, 0.82, 0.76, 0.7, 0.64, 0.58, 0.52, 0.46)
_COMFORTABLE = 4
"""Steps that the headline may shrink before the body is cut to its first sentence."""
_SMALLEST_BODY = 0.86


@dataclass(frozen=True, slots=True)
class Flow:
    """Lines of the headline and the body; None for a part that is not there."""

    headline: Lines | None
    body: Lines | None


@lru_cache(maxsize=32768)
def flow(
    headline: str,
    body: str,
    typeface: str,
    language: Language,
    width: float,
    height: float,
    headline_px: float,
    body_px: float,
    n_lines: int,
    gap: float,
) -> Flow:
    """Return the largest setting of headline and body in `height`, px.

    The headline shrinks a little for the whole body; then the body is cut to its
    first sentence; then the headline shrinks further; at last the body is left out.
    An empty headline or body takes no room.
    """
    faces = typography(typeface, language)
    body_px *= faces.body.optical
    short = sentences_of(body)[0]

    def attempt(text: str, step: float) -> Flow | None:
        head = None
        left = height
        if headline:
            size = headline_px * step * faces.headline.optical
            room = min(height, n_lines * size * faces.headline.leading + 0.01)
            head = fit(headline, faces.headline, width, room, size, size * 0.999)
            if head is None:
                return None
            left -= head.height(faces.headline) + (gap if text else 0)
        if not text:
            return Flow(head, None)
        lines = fit(text, faces.body, width, left, body_px, body_px * _SMALLEST_BODY)
        return Flow(head, lines) if lines else None

    order = [(body, step) for step in _STEPS[:_COMFORTABLE]]
    order += [(short, step) for step in _STEPS]
    order += [("", step) for step in _STEPS]
    found = (attempt(text, step) for text, step in order)
    fitting = next((each for each in found if each), None)
    return fitting or _squeezed(headline, typeface, language, width, height)


def _squeezed(
    headline: str, typeface: str, language: Language, width: float, height: float
) -> Flow:
    """Return a headline for words of any length: broken anywhere, then cut."""
    face = typography(typeface, language).headline
    size = min(12.0, height / face.leading)
    return Flow(shorten(headline, face, width, size) if headline else None, None)


@dataclass(frozen=True, slots=True)
class Words:
    """What there is to say, and how it is set."""

    copy: Copy
    brand: str
    look: Look
    language: Language
    unit: float

    @property
    def type(self) -> Typography:
        """Faces of this typography and language."""
        return typography(self.look.typography, self.language)

    @property
    def gap(self) -> float:
        """Space between parts, px; less in dense designs."""
        return self.unit * (9.5 - 4 * self.look.density)

    @property
    def button_px(self) -> float:
        """Size of the button's label, px."""
        return 12.2 * self.unit * min(self.look.font_scale, 1.12)

    @property
    def brand_px(self) -> float:
        """Size of the brand's name, px."""
        return 10 * self.unit


def set_column(column: Column, words: Words) -> str:
    """Return a column's parts; each fits the box whatever the words are."""
    parts = column.parts.split()
    box = column.box
    head, foot = _head_height(parts, words), _foot_height(parts, words)
    room = box.h - head - foot
    scale = words.look.font_scale
    flowed = flow(
        words.copy.headline if "headline" in parts else "",
        words.copy.body if "body" in parts else "",
        words.look.typography,
        words.language,
        box.w,
        room,
        column.headline_px * scale,
        column.body_px * (0.5 + 0.5 * scale),
        column.n_lines,
        words.gap * 0.75,
    )
    used = _height(flowed, words)
    slack = {"top": 0.0, "middle": 0.5, "bottom": 1.0}[column.rise] * (room - used)
    y = box.y + slack
    pieces = []
    if "brand" in parts:
        pieces.append(_signed(column, words, y))
    pieces.append(_texts(flowed, column, words, y + head))
    pieces.append(_foot(parts, column, words, y + head + used))
    return "".join(pieces)


def _head_height(parts: list[str], words: Words) -> float:
    return words.brand_px * 1.5 + words.gap if "brand" in parts else 0.0


def _foot_height(parts: list[str], words: Words) -> float:
    if "button" in parts or "brandbutton" in parts:
        return words.button_px * 2.35 + words.gap * 1.15
    return 0.0


def _height(flowed: Flow, words: Words) -> float:
    faces = words.type
    head = flowed.headline.height(faces.headline) if flowed.headline else 0.0
    body = flowed.body.height(faces.body) if flowed.body else 0.0
    return head + body + (words.gap * 0.75 if head and body else 0.0)


def _texts(flowed: Flow, column: Column, words: Words, y: float) -> str:
    faces, inks = words.type, column.inks
    anchor = 0.5 if column.align == "middle" else 0.0
    x = column.box.x + anchor * column.box.w
    pieces = []
    if flowed.headline:
        pieces.append(
            set_lines(flowed.headline, faces.headline, x, y, inks.strong, anchor)
        )
        y += flowed.headline.height(faces.headline) + words.gap * 0.75
    if flowed.body:
        pieces.append(set_lines(flowed.body, faces.body, x, y, inks.soft, anchor))
    return "".join(pieces)


def _signed(column: Column, words: Words, y: float) -> str:
    face, px, box = words.type.label, words.brand_px, column.box
    x = box.x
    if column.align == "middle":
        x += (box.w - signature_width(words.brand, face, px, box.w)) / 2
    return signature(words.brand, face, column.inks, x, y, px, box.w)


def _foot(parts: list[str], column: Column, words: Words, y: float) -> str:
    """Return the button, with the brand at the other end for "brandbutton"."""
    if not _foot_height(parts, words):
        return ""
    box, px = column.box, words.button_px
    top = y + words.gap * 1.15
    shared = "brandbutton" in parts
    most = box.w * (0.56 if shared else 1.0)
    button = Button(words.copy.cta, words.look, words.type, px, most)
    x = box.x
    if column.align == "middle":
        x += (box.w - button.width) / 2
    drawn = button.at(x, top, column.inks)
    if not shared:
        return drawn
    face, small = words.type.label, words.brand_px
    left = box.w - button.width - 10 * words.unit
    width = signature_width(words.brand, face, small, left)
    brand_top = top + (button.height - small * 1.5) / 2
    return drawn + signature(
        words.brand, face, column.inks, box.right - width, brand_top, small, left
    )
