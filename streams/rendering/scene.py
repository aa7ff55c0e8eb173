"""What a hero drawing knows: its room, colours, category and how busy to be."""

import math
from dataclasses import dataclass

from streams.rendering.art import Art
from streams.rendering.scheme import Scheme


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
