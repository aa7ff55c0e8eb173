"""Where the parts of a card go: what a layout decides and the card draws."""

from dataclasses import dataclass
from typing import Literal, Self

from streams.rendering.scheme import Scheme
from streams.rendering.svg import rect

Align = Literal["left", "middle"]
Rise = Literal["top", "middle", "bottom"]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle, px."""

    x: float
    y: float
    w: float
    h: float

    @classmethod
    def around(cls, cx: float, cy: float, r: float) -> Self:
        """Return the square that a circle touches."""
        return cls(cx - r, cy - r, 2 * r, 2 * r)

    def inset(self, dx: float, dy: float) -> "Box":
        """Return the box without a margin on each side."""
        return Box(self.x + dx, self.y + dy, self.w - 2 * dx, self.h - 2 * dy)

    def filled(self, fill: str, r: float = 0, extra: str = "") -> str:
        """Return its rectangle with corner radius `r`."""
        return rect(self.x, self.y, self.w, self.h, fill, r, extra)

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.x + self.w

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.y + self.h


@dataclass(frozen=True, slots=True)
class Inks:
    """Colours of words and button on one ground."""

    strong: str
    soft: str
    button: str
    on_button: str


@dataclass(frozen=True, slots=True)
class Column:
    """A box through which headline, body and button flow, in this order."""

    box: Box
    inks: Inks
    parts: str = "brand headline body button"
    align: Align = "left"
    rise: Rise = "middle"
    headline_px: float = 27.0
    body_px: float = 12.0
    n_lines: int = 3
    """Most lines of the headline."""


@dataclass(frozen=True, slots=True)
class Corner:
    """A point that a part hangs from: 0 its left end, 0.5 its middle, 1 its right."""

    x: float
    y: float
    hang: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """One layout at one size."""

    art: Box
    columns: tuple[Column, ...]
    mark: Corner
    mark_inks: tuple[str, str]
    """Plate and text of the disclosure; no plate where it lies on plain ground."""
    badge: Corner
    under: str = ""
    """Drawn before the art."""
    clip: str = ""
    """Shape that the art is cut to; its box when empty."""
    over: str = ""
    """Drawn after the art and before the words."""
    zoom: float = 1.0
    button: Corner | None = None
    """Middle of brand and button where they stand outside the columns."""
    button_inks: Inks | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """The card to be planned: its size and colours."""

    w: float
    h: float
    scheme: Scheme
    density: float
    uid: str

    @property
    def is_strip(self) -> bool:
        """Tell whether it is much wider than high, as a leaderboard is."""
        return self.w > 3 * self.h

    @property
    def is_wide(self) -> bool:
        """Tell whether it is 16:9 or wider, as an end card is."""
        return self.w > 1.5 * self.h

    @property
    def big(self) -> float:
        """The unit for headlines beside the art: larger where there is more room."""
        return self.unit * (1.22 if self.is_wide else 1.0)

    @property
    def whole(self) -> Box:
        """All of the card."""
        return Box(0, 0, self.w, self.h)

    @property
    def unit(self) -> float:
        """How large a px of the 300 x 250 card is here."""
        return 0.94 if self.is_strip else min(self.w / 300, self.h / 250) * 1.06

    @property
    def badge_unit(self) -> float:
        """The unit for the badge: small where the picture is low."""
        return 0.74 if self.is_strip else self.unit

    @property
    def pad(self) -> float:
        """Space between the edge and the words; less in dense designs."""
        return self.unit * (20 - 7 * self.density)

    @property
    def on_ground(self) -> Inks:
        """Inks for words on the ground."""
        s = self.scheme
        return Inks(s.on_ground, s.on_ground_soft, s.button, s.on_button)

    @property
    def on_panel(self) -> Inks:
        """Inks for words on the panel."""
        s = self.scheme
        return Inks(s.on_panel, s.on_panel_soft, s.button_panel, s.on_button_panel)

    @property
    def mark_on_ground(self) -> tuple[str, str]:
        """Ground and text of a disclosure that lies on the ground."""
        return self.scheme.ground, self.scheme.on_ground_soft

    @property
    def mark_bare(self) -> tuple[str, str]:
        """Text of a disclosure that needs no plate: the ground is plain there."""
        return "", self.scheme.on_ground_soft

    @property
    def mark_on_panel(self) -> tuple[str, str]:
        """Ground and text of a disclosure that lies on the panel."""
        return self.scheme.panel, self.scheme.on_panel_soft
