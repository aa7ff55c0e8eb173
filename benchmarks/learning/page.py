"""Rows -> one page: curves of what is learnt, with intervals. No scripts."""

from html import escape
from math import isnan, log10
from typing import Any

_WIDTH, _HEIGHT = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 150, 16, 36
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

_INTRODUCTION = (
    "Simulated people. <em>Gap</em>: the share of the way from random designs to each "
    "person's best one that the greedy policy goes, on people who taught nothing. "
    "Means over worlds, 95 % intervals."
)

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1c2430; background: #fbfaf7;
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; }
table { border-collapse: collapse; font-size: .85rem; width: 100%; }
td, th { text-align: right; padding: .2rem .6rem; border-bottom: 1px solid #e3e0d8; }
td:first-child, th:first-child { text-align: left; }
svg { width: 100%; height: auto; } text { font: 12px system-ui, sans-serif; }
"""


def page(rows: list[dict[str, Any]]) -> str:
    """Return the page."""
    kinds = list(dict.fromkeys(row["world"] for row in rows))
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width'>",
        f"<title>What is learnt</title><style>{_STYLE}</style>",
        "<h1>What is learnt from clicks</h1>",
        f"<p>{_INTRODUCTION}</p>",
    ]
    for kind in kinds:
        own = [row for row in rows if row["world"] == kind]
        parts.append(f"<h2>{escape(kind)}</h2>{_chart(own)}{_table(own)}")
    return "\n".join(parts)


def _chart(rows: list[dict[str, Any]]) -> str:
    methods = list(dict.fromkeys(row["method"] for row in rows))
    most = max([0.2, *(row["gap"] for row in rows)]) * 1.15
    ends = [log10(row["impressions"]) for row in rows]
    low, high = min(ends), max(*ends, min(ends) + 0.1)

    def x(n: int) -> float:
        span = _WIDTH - _LEFT - _RIGHT
        return _LEFT + span * (log10(n) - low) / (high - low)

    def y(gap: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * max(gap, 0.0) / most

    parts = [f"<svg viewBox='0 0 {_WIDTH} {_HEIGHT}' role=img aria-label='gap closed'>"]
    for tenth in range(int(most * 10) + 1):
        at = y(tenth / 10)
        parts.append(
            f"<line x1={_LEFT} x2={_WIDTH - _RIGHT} y1={at:.1f} y2={at:.1f} "
            f"stroke='#e3e0d8'/><text x={_LEFT - 8} y={at + 4:.1f} text-anchor=end>"
            f"{tenth * 10} %</text>"
        )
    for n in dict.fromkeys(row["impressions"] for row in rows):
        parts += [
            f"<text x={x(n):.1f} y={_HEIGHT - 12} text-anchor=middle>{n:,}</text>"
        ]
    labels = _spread({m: y(_last(rows, m)["gap"]) for m in methods})
    for method in methods:
        own = [row for row in rows if row["method"] == method]
        colour = _COLOURS.get(method, "#333")
        line = " ".join(f"{x(r['impressions']):.1f},{y(r['gap']):.1f}" for r in own)
        parts.append(
            f"<polyline points='{line}' fill=none stroke='{colour}' stroke-width=2 />"
        )
        for row in own:
            at = x(row["impressions"])
            parts.append(
                f"<circle cx={at:.1f} cy={y(row['gap']):.1f} r=3 fill='{colour}'/>"
            )
            if not isnan(row["gap_low"]):
                parts.append(
                    f"<line x1={at:.1f} x2={at:.1f} y1={y(row['gap_low']):.1f} "
                    f"y2={y(row['gap_high']):.1f} stroke='{colour}' opacity=.5 />"
                )
        parts.append(
            f"<text x={_WIDTH - _RIGHT + 10} y={labels[method] + 4:.1f} "
            f"fill='{colour}'>{escape(method)}</text>"
        )
    return "".join([*parts, "</svg>"])


def _table(rows: list[dict[str, Any]]) -> str:
    head = (
        "<tr><th>method<th>impressions<th>gap<th>CTR beside LinTS<th>while learning"
        "<th>diversity<th>worlds"
    )
    body = [
        f"<tr><td>{escape(row['method'])}<td>{row['impressions']:,}"
        f"<td>{_percent(row['gap'])} ± {_percent(row['gap_high'] - row['gap'])}"
        f"<td>{_percent(row['ctr_vs_lints'])} [{_percent(row['ctr_low'])}, "
        f"{_percent(row['ctr_high'])}]<td>{_percent(row['learning_vs_lints'])}"
        f"<td>{row['diversity']:.2f}<td>{row['n_worlds']}"
        for row in rows
    ]
    return f"<table>{head}{''.join(body)}</table>"


def _last(rows: list[dict[str, Any]], method: str) -> dict[str, Any]:
    return [row for row in rows if row["method"] == method][-1]


def _spread(places: dict[str, float]) -> dict[str, float]:
    """Return label heights, moved apart so that none covers another."""
    spread: dict[str, float] = {}
    below = -1e9
    for method, place in sorted(places.items(), key=lambda pair: pair[1]):
        below = max(place, below + 14)
        spread[method] = below
    return spread


def _percent(value: float) -> str:
    return "–" if isnan(value) else f"{100 * value:.1f} %"
