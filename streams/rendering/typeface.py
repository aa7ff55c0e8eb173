"""typefaces.toml -> Face: families, weight, spacing, and how wide words are.

Widths come from widths.json: advances of the named fonts in thousandths of an em.
The drawn width is fixed by SVG's textLength, so a card looks the same, and never
overflows, on a machine that has none of these fonts.
"""

import json
import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width

from streams.rendering.wording import Language

_FOLDER = Path(__file__).parent
_UNKNOWN = 640
"""Thousandths of an em: a generous width for letters outside the tables."""
_FULL = 1000


@dataclass(frozen=True, slots=True)
class Face:
    """One way to set words."""

    family: str
    weight: int
    table: str
    """Which row of widths.json."""
    tracking: float = 0.0
    """Extra space after each letter, em."""
    squeeze: float = 1.0
    """Drawn width over natural width."""
    leading: float = 1.12
    """Line height, em."""
    optical: float = 1.0
    """Size against the sans face that looks as large."""
    stroke: float = 0.0
    """Outline in the text's colour, em: rounds corners and adds weight."""

    @property
    def is_full_width(self) -> bool:
        """Tell whether letters are spaced out but not squeezed, as Chinese can be.

        Every Chinese font is one em wide, so that space alone sets the line's width.
        """
        return self.table.startswith("cjk") and self.tracking > 0

    @property
    def cap(self) -> float:
        """Height of a capital letter, em."""
        return _widths()[self.table]["cap"] / 1000


@dataclass(frozen=True, slots=True)
class Typography:
    """The faces of a card and the corner of its button."""

    headline: Face
    body: Face
    label: Face
    corner: float
    """Corner radius of the button over half its height: 0 square, 1 pill."""


@cache
def typography(name: str, language: Language) -> Typography:
    """Return the faces of a typography in a language."""
    row = _typefaces()[language][name]
    headline, body, label = (Face(**row[p]) for p in ("headline", "body", "label"))
    return Typography(headline, body, label, row["corner"])


@cache
def _typefaces() -> dict[str, dict[str, dict[str, Any]]]:
    return tomllib.loads((_FOLDER / "typefaces.toml").read_text("utf-8"))


def width_em(text: str, face: Face) -> float:
    """Return how wide a text is drawn, in em."""
    natural = _natural(text, face.table)
    return (natural / 1000 + face.tracking * len(text)) * face.squeeze


@lru_cache(maxsize=65536)
def _natural(text: str, name: str) -> int:
    """Return the sum of a text's advances, thousandths of an em."""
    table = _widths()[name]
    return sum([table[c] if c in table else _wide_or_not(c) for c in text])


@cache
def _wide_or_not(character: str) -> int:
    if east_asian_width(character) in "WFA" or ord(character) > 0xFFFF:  # noqa: PLR2004
        return _FULL
    return _UNKNOWN


@cache
def _widths() -> dict[str, dict[str, int]]:
    tables: dict[str, dict[str, int]] = json.loads(
        (_FOLDER / "widths.json").read_text("utf-8")
    )
    return tables
