"""art.json -> the picture and the glyph of a category.

The drawings are from Fluent Emoji (Microsoft) and Phosphor Icons, both MIT: see
LICENSE-art.txt. They hold paths and colours only: no ids, links, styles or scripts.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from streams.rendering.shapes import placed

_FILE = Path(__file__).parent / "art.json"
_FLAT_BOX = 32
_GLYPH_BOX = 256


@dataclass(frozen=True, slots=True)
class Art:
    """A category's drawings, each in its own square."""

    flat: str
    """In full colour, 32 x 32 units."""
    glyph: str
    """In one colour with a fainter second layer, 256 x 256 units."""

    def picture(self, cx: float, cy: float, size: float, turn: float = 0.0) -> str:
        """Return the colour picture, centred, `size` px high and wide."""
        return _centred(self.flat, _FLAT_BOX, cx, cy, size, turn)

    def sign(
        self, cx: float, cy: float, size: float, colour: str, turn: float = 0.0
    ) -> str:
        """Return the glyph in one colour, centred, `size` px high and wide."""
        inside = f'<g fill="{colour}">{self.glyph}</g>'
        return _centred(inside, _GLYPH_BOX, cx, cy, size, turn)


def art_of(category: str) -> Art:
    """Return a category's art; a wrapped gift for one that has none."""
    known = _all_art()
    return known.get(category) or known["unknown"]


@cache
def _all_art() -> dict[str, Art]:
    rows = json.loads(_FILE.read_text("utf-8"))["art"]
    return {name: Art(row["flat"], row["glyph"]) for name, row in rows.items()}


def _centred(
    content: str, box: int, cx: float, cy: float, size: float, turn: float
) -> str:
    middle = f"translate({-box / 2:g} {-box / 2:g})"
    return placed(f'<g transform="{middle}">{content}</g>', cx, cy, size / box, turn)
