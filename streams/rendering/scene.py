"""What a hero drawing knows: its room, colours, category and how busy to be.

The pictures and glyphs of categories (art.json) are from Fluent Emoji (Microsoft) and
Phosphor Icons, both MIT: see LICENSE-art.txt. They hold paths and colours only: no ids,
links, styles or scripts.
"""

import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from streams.rendering.scheme import Scheme
from streams.rendering.svg import placed

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


@dataclass(frozen=True, slots=True)
class Scene:
    """Room for a drawing, from (0, 0) to (w, h) px."""

    w: float
    h: float
    scheme: Scheme
    art: Art
    group: str
    density: float
    seed: int
    """Varies details between categories, never between two runs."""
    uid: str
    """Prefix of element ids, unique in the card."""
    zoom: float = 1.0
    """Size of the motif against its usual one."""

    @property
    def cx(self) -> float:
        """Horizontal middle."""
        return self.w / 2

    @property
    def cy(self) -> float:
        """Vertical middle."""
        return self.h / 2

    @property
    def motif(self) -> float:
        """Side of the main motif: larger in busier designs."""
        side = min(self.w, self.h) * (0.56 + 0.22 * self.density)
        return min(side * self.zoom, self.w * 0.8)

    @property
    def reach(self) -> float:
        """Radius that covers the whole room from its middle."""
        return math.hypot(self.w, self.h) / 2

    def between(self, low: float, high: float) -> int:
        """Return a count that grows with density."""
        return round(low + (high - low) * self.density)
