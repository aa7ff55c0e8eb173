"""Rows -> one page: curves of what is learnt, with intervals. No scripts."""

from html import escape
from math import isnan
from typing import Any

from benchmarks.learning.chart import chart

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
        parts.append(f"<h2>{escape(kind)}</h2>{chart(own)}{_table(own)}")
    return "\n".join(parts)


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


def _percent(value: float) -> str:
    return "–" if isnan(value) else f"{100 * value:.1f} %"
