"""Typography + language -> Face: families, weight, spacing, and how wide words are.

Widths come from widths.json: advances of the named fonts in thousandths of an em.
The drawn width is fixed by SVG's textLength, so a card looks the same, and never
overflows, on a machine that has none of these fonts.
"""

import json
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from unicodedata import east_asian_width

from streams.rendering.wording import Language

_FOLDER = Path(__file__).parent
_UNKNOWN = 640
"""Thousandths of an em: a generous width for letters outside the tables."""
_FULL = 1000

_SANS = "Inter,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"
_SANS_ZH = (
    "'Noto Sans SC','PingFang SC','Microsoft YaHei','Noto Sans CJK SC',sans-serif"
)
_SERIF_ZH = "'Noto Serif SC','Songti SC',SimSun,'Noto Serif CJK SC',serif"


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


_BODY = Face(_SANS, 400, "sans-400", leading=1.36)
_LABEL = Face(_SANS, 700, "sans-700")
_ROUND = "Nunito,'SF Pro Rounded','Arial Rounded MT Bold','Segoe UI',sans-serif"
_MONO = "'JetBrains Mono','SF Mono',Consolas,'DejaVu Sans Mono',monospace"
_JOST = "Jost,Futura,'Century Gothic','Segoe UI Light',sans-serif"

_ENGLISH: dict[str, Typography] = {
    "sans": Typography(Face(_SANS, 700, "sans-700", -0.022), _BODY, _LABEL, 0.45),
    "serif": Typography(
        Face("Fraunces,Georgia,'Times New Roman',serif", 600, "serif-600", -0.012),
        Face(
            "Fraunces,Georgia,'Times New Roman',serif", 400, "serif-400", leading=1.36
        ),
        _LABEL,
        0.12,
    ),
    "rounded": Typography(
        Face(_ROUND, 800, "rounded-800", -0.01, stroke=0.02, optical=1.03),
        Face(_ROUND, 600, "rounded-600", leading=1.34, optical=1.04),
        Face(_ROUND, 800, "rounded-800"),
        1.0,
    ),
    "condensed": Typography(
        Face(
            "'Barlow Condensed','Roboto Condensed','Arial Narrow',sans-serif",
            600,
            "condensed-600",
            0.004,
            leading=1.0,
            optical=1.3,
        ),
        _BODY,
        _LABEL,
        0.0,
    ),
    "wide": Typography(
        Face(
            "Unbounded,'Arial Black',Verdana,sans-serif",
            600,
            "wide-600",
            -0.02,
            leading=1.16,
            optical=0.84,
        ),
        _BODY,
        _LABEL,
        0.7,
    ),
    "mono": Typography(
        Face(_MONO, 700, "mono-700", -0.04, optical=0.9),
        Face(_MONO, 400, "mono-400", -0.03, leading=1.4, optical=0.92),
        Face(_MONO, 700, "mono-700"),
        0.0,
    ),
    "light": Typography(
        Face(_JOST, 300, "light-300", 0.0, leading=1.08, optical=1.16),
        Face(_JOST, 400, "light-400", leading=1.3, optical=1.05),
        Face(_JOST, 400, "light-400", 0.03, optical=1.06),
        1.0,
    ),
    "heavy": Typography(
        Face(
            "'Archivo Black','Arial Black',Impact,sans-serif",
            400,
            "heavy-400",
            -0.02,
            leading=1.02,
        ),
        _BODY,
        _LABEL,
        0.2,
    ),
}

_BODY_ZH = Face(_SANS_ZH, 400, "cjk-400", leading=1.5)
_LABEL_ZH = Face(_SANS_ZH, 700, "cjk-700")


def _zh(weight: int, corner: float, **changes: float) -> Typography:
    table = "cjk-700" if weight > 500 else "cjk-400"  # noqa: PLR2004 - two tables
    face = Face(_SANS_ZH, weight, table, **({"leading": 1.24} | changes))
    return Typography(face, _BODY_ZH, _LABEL_ZH, corner)


_CHINESE: dict[str, Typography] = {
    "sans": _zh(700, 0.45),
    "serif": Typography(
        Face(_SERIF_ZH, 600, "cjkserif-600", leading=1.24),
        _BODY_ZH,
        _LABEL_ZH,
        0.12,
    ),
    "rounded": _zh(700, 1.0, stroke=0.035),
    "condensed": _zh(700, 0.0, squeeze=0.84, optical=1.12),
    "wide": _zh(700, 0.7, tracking=0.12, optical=0.92),
    "mono": _zh(400, 0.0, tracking=0.06, stroke=0.012),
    "light": _zh(400, 1.0, tracking=0.03, optical=1.06),
    "heavy": _zh(700, 0.2, stroke=0.03, optical=1.08),
}


def typography(name: str, language: Language) -> Typography:
    """Return the faces of a typography in a language."""
    return (_CHINESE if language == "zh" else _ENGLISH)[name]


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
