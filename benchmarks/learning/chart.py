"""Rows of one kind of world -> curves with intervals, an SVG that stands alone."""

from html import escape
from math import isnan, log10
from typing import Any

_WIDTH, _HEIGHT = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 150, 16, 36
_LABEL_PX = 14
_COLOURS = {
    "ours-gan": "#0b6e4f",
    "ours-vae": "#1f6fb2",
    "ours-no-generator": "#7a4fbf",
    "ours-frozen": "#9aa5b1",
    "lints": "#c2410c",
    "lints-narrow": "#e39b6b",
    "library-bandit": "#8a6d1f",
    "best-fixed": "#5b6470",
    "random": "#b8bfc7",
}


def chart(rows: list[dict[str, Any]]) -> str:
    """Return the gap that each method closes, by impressions on a log scale.

    Args:
        rows: of `benchmarks.learning.results`, of one kind of world.
    """
    axes = _Axes(rows)
    ends = {row["method"]: axes.y(row["gap"]) for row in rows}  # the last one stays
    heights = _spread(ends)
    head = (
        '<svg xmlns="http://www.w3.org/2000/svg" font-family="system-ui, sans-serif" '
        f'font-size="12" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        'aria-label="gap closed">'
    )
    parts = [head, *axes.lines()]
    for method, height in heights.items():
        colour = _COLOURS.get(method, "#333333")
        own = [row for row in rows if row["method"] == method]
        parts += _curve(own, axes, colour)
        parts.append(
            f'<text x="{_WIDTH - _RIGHT + 10}" y="{height + 4:.1f}" '
            f'fill="{colour}">{escape(method)}</text>'
        )
    return "".join([*parts, "</svg>"])


class _Axes:
    """Impressions and gaps -> pixels."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._most = max([0.2, *(row["gap"] for row in rows)]) * 1.15
        self._ticks = sorted({row["impressions"] for row in rows})
        self._low = log10(self._ticks[0])
        self._high = max(log10(self._ticks[-1]), self._low + 0.1)

    def x(self, n: int) -> float:
        span = _WIDTH - _LEFT - _RIGHT
        return _LEFT + span * (log10(n) - self._low) / (self._high - self._low)

    def y(self, gap: float) -> float:
        span = _HEIGHT - _TOP - _BOTTOM
        return _HEIGHT - _BOTTOM - span * max(gap, 0.0) / self._most

    def lines(self) -> list[str]:
        """Return a line for each tenth, and the numbers beside and below."""
        parts = []
        for tenth in range(int(self._most * 10) + 1):
            at = self.y(tenth / 10)
            parts.append(
                f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at:.1f}" '
                f'y2="{at:.1f}" stroke="#e3e0d8"/><text x="{_LEFT - 8}" '
                f'y="{at + 4:.1f}" text-anchor="end">{tenth * 10} %</text>'
            )
        parts += [
            f'<text x="{self.x(n):.1f}" y="{_HEIGHT - 12}" '
            f'text-anchor="middle">{n:,}</text>'
            for n in self._ticks
        ]
        return parts


def _curve(rows: list[dict[str, Any]], axes: _Axes, colour: str) -> list[str]:
    """Return a method's line, its points and their intervals."""
    places = [(axes.x(row["impressions"]), axes.y(row["gap"])) for row in rows]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts = [
        f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>'
    ]
    for row, (x, y) in zip(rows, places, strict=True):
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
        if not isnan(row["gap_low"]):
            parts.append(
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{axes.y(row["gap_low"]):.1f}" '
                f'y2="{axes.y(row["gap_high"]):.1f}" stroke="{colour}" opacity=".5"/>'
            )
    return parts


def _spread(places: dict[str, float]) -> dict[str, float]:
    """Return label heights, moved apart so that none covers another.

    >>> _spread({"a": 20.0, "b": 15.0})
    {'b': 15.0, 'a': 29.0}
    """
    spread: dict[str, float] = {}
    below = float("-inf")
    for method, place in sorted(places.items(), key=lambda pair: pair[1]):
        below = max(place, below + _LABEL_PX)
        spread[method] = below
    return spread
