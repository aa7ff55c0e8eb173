"""Text + face + box -> lines that fit, broken where a reader would break them, as SVG.

The width of each line is fixed, so that no font can overflow.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise

import rjieba

from schemas.vocabulary import deployed
from streams.rendering.svg import clean, escaped, num
from streams.rendering.typeface import Face, width_em
from streams.rendering.wording import UNKNOWN

_CLOSING = frozenset("，。：；？！、”’）》…,.:;?!)%")
_OPENING = frozenset("“\u2018（《(")
_SHRINK = 0.95
_GOOD_BREAK = 0.12
"""How much unevenness a break after a punctuation mark is worth."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of one size, px; `widths` are the drawn widths."""

    size: float
    texts: tuple[str, ...]
    widths: tuple[float, ...]

    def height(self, face: Face) -> float:
        """Return the height from the first line's top to the last one's bottom, px."""
        return len(self.texts) * self.size * face.leading


@lru_cache(maxsize=32768)
def fit(
    text: str, face: Face, width: float, height: float, largest: float, smallest: float
) -> Lines | None:
    """Return the text in the largest size at which it fits, or None.

    Words are never broken unless one is wider than the box; lines come out about
    equally long. All lengths are px.
    """
    atoms = _atoms(clean(text))
    size = largest
    while size >= smallest:
        most = int(height / (size * face.leading) + 1e-6)
        texts = wrap(atoms, face, width / size, most)
        if texts:
            return _lines(texts, face, size)
        size *= _SHRINK
    return None


@lru_cache(maxsize=32768)
def shorten(text: str, face: Face, width: float, size: float) -> Lines:
    """Return one line, cut with an ellipsis when it is wider than the box."""
    text = clean(text)
    if width_em(text, face) * size <= width:
        return _lines((text,), face, size)
    while text and width_em(f"{text}…", face) * size > width:
        text = text[:-1]
    return _lines((f"{text.rstrip()}…",), face, size)


def wrap(
    atoms: tuple[str, ...], face: Face, width: float, most: int
) -> tuple[str, ...] | None:
    """Break atoms into the fewest lines of at most `width` em, evenly filled.

    None when there would be more than `most` lines or an atom is too wide.
    """
    widths = _measured(atoms, face)
    n_lines = _fewest(widths, width)
    if n_lines is None or n_lines > most:
        return None
    breaks = _even_breaks(atoms, widths, width, n_lines)
    return tuple("".join(atoms[start:end]).strip() for start, end in pairwise(breaks))


@lru_cache(maxsize=16384)
def _measured(atoms: tuple[str, ...], face: Face) -> tuple[float, ...]:
    """Return the width of each atom, em: the same whatever the size tried."""
    return tuple([width_em(atom, face) for atom in atoms])


def _fewest(widths: tuple[float, ...], width: float) -> int | None:
    n_lines, used = 1, 0.0
    for atom in widths:
        if atom > width:
            return None
        if used + atom > width:
            n_lines, used = n_lines + 1, 0.0
        used += atom
    return n_lines


def _even_breaks(
    atoms: tuple[str, ...], widths: tuple[float, ...], width: float, n_lines: int
) -> list[int]:
    """Return the break positions with the least sum of squared line widths."""
    ends = len(atoms) + 1
    best: list[dict[int, tuple[float, int]]] = [{0: (0.0, 0)}]
    for _ in range(n_lines):
        row: dict[int, tuple[float, int]] = {}
        for start, (cost, _origin) in best[-1].items():
            used = 0.0
            for end in range(start + 1, ends):
                used += widths[end - 1]
                if used > width:
                    break
                after_mark = (
                    end < len(atoms) and atoms[end - 1].strip()[-1:] in _CLOSING
                )
                total = cost + (used / width) ** 2 - _GOOD_BREAK * after_mark
                if end not in row or total < row[end][0]:
                    row[end] = (total, start)
        best.append(row)
    breaks, at = [len(atoms)], len(atoms)
    for row in reversed(best[1:]):
        at = row[at][1]
        breaks.append(at)
    return breaks[::-1]


@lru_cache(maxsize=16384)
def _atoms(text: str) -> tuple[str, ...]:
    """Split into pieces that stay whole: words with their space, Chinese words.

    A closing mark stays with the word before it, an opening one with the word after.
    """
    if text.isascii():
        words = text.split(" ")
        return (*(f"{word} " for word in words[:-1]), words[-1])
    atoms: list[str] = []
    for piece in _words(text):
        sticks = piece[0] in _CLOSING or piece == " "
        opened = atoms and atoms[-1][-1] in _OPENING
        if atoms and (sticks or opened or _same_word(atoms[-1], piece)):
            atoms[-1] += piece
        else:
            atoms.append(piece)
    return tuple(atoms)


def _words(text: str) -> Iterator[str]:
    """Yield Chinese words, the names of categories whole, and what is between them."""
    for part in _names().split(text):
        if part in _known():
            yield part
        else:
            yield from rjieba.cut(part)


@cache
def _known() -> frozenset[str]:
    titles = (entry.titles.get("zh") for entry in deployed().entries.values())
    return frozenset(filter(None, (UNKNOWN.zh, *titles)))


@cache
def _names() -> re.Pattern[str]:
    return re.compile(f"({'|'.join(sorted(_known(), key=len, reverse=True))})")


def _same_word(before: str, after: str) -> bool:
    """Tell whether two tokens are parts of one Latin word, as in "no-fuss"."""
    return before[-1] != " " and ord(before[-1]) < 0x2E80 and ord(after[0]) < 0x2E80  # noqa: PLR2004


def _lines(texts: tuple[str, ...], face: Face, size: float) -> Lines:
    widths = tuple(round(width_em(text, face) * size, 2) for text in texts)
    return Lines(size=round(size, 2), texts=texts, widths=widths)


def set_lines(
    lines: Lines, face: Face, x: float, top: float, fill: str, anchor: float = 0.0
) -> str:
    """Return lines of text whose first line's box begins at `top`.

    `x` is the left end for anchor 0, the middle for 0.5 and the right end for 1. Each
    line carries textLength: a browser that lacks the font draws it just as wide, and
    tracking needs no attribute of its own.
    """
    step = lines.size * face.leading
    adjust = "spacing" if face.is_full_width else "spacingAndGlyphs"
    rise = (step + lines.size * face.cap) / 2
    rows = "".join(
        _row(text, width, x - anchor * width, top + rise + index * step, adjust)
        for index, (text, width) in enumerate(
            zip(lines.texts, lines.widths, strict=True)
        )
    )
    return f"<g{_style(face, lines.size, fill)}>{rows}</g>"


def _row(text: str, width: float, x: float, y: float, adjust: str) -> str:
    fixed = ""
    if len(text) > 1:
        fixed = f' textLength="{num(width)}" lengthAdjust="{adjust}"'
    return f'<text x="{num(x)}" y="{num(y)}"{fixed}>{escaped(text)}</text>'


def _style(face: Face, size: float, fill: str) -> str:
    style = (
        f' font-family="{face.family}" font-size="{num(size)}" '
        f'font-weight="{face.weight}" fill="{fill}"'
    )
    if face.stroke:
        style += (
            f' stroke="{fill}" stroke-width="{num(face.stroke * size)}" '
            'stroke-linejoin="round"'
        )
    return style
