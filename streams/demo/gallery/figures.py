"""Report -> the run's figures, the arms with their intervals, the gates' verdicts."""

from collections.abc import Mapping
from typing import Any

from streams.rendering.svg import escaped

_FIGURES = (
    ("serving", "requests", "ad requests served"),
    ("serving", "failed", "of them failed"),
    ("serving", "p99_s", "99th percentile of a request"),
    ("learning", "fine_tunes", "fine-tunes from feedback"),
    ("learning", "swaps", "models swapped in while serving"),
    ("freshness", "event_to_creative_p50_s", "from behaviour to creative, median"),
    ("replay", "impressions", "real impressions replayed"),
    ("replay", "cells_equal", "click-through cells equal to the log’s"),
)
_SECOND = 1.0


def figures(report: Mapping[str, Any]) -> str:
    """Return the figures that the report holds, large."""
    tiles = []
    for section, name, label in _FIGURES:
        value = report.get(section, {}).get(name)
        if value is not None:
            tiles.append(f"<div><dt>{label}</dt><dd>{_shown(name, value)}</dd></div>")
    return f'<dl class="figures">{"".join(tiles)}</dl>' if tiles else ""


def arms(report: Mapping[str, Any]) -> str:
    """Return each arm's click-through rate with its 95 % interval, drawn to scale."""
    rows = report.get("learning", {}).get("arms", [])
    if not rows:
        return ""
    top = max(row["high"] for row in rows) or 1.0
    body = "".join(_arm(row, top) for row in rows)
    return (
        '<section class="arms" aria-labelledby="arms-title"><h2 id="arms-title">'
        "Did it work?</h2><p class=note>Click-through rate of each arm. The bar is the "
        "95 % interval, the dot the rate. The control arm shows a random creative; the "
        "last column compares with the control arm of the same minutes.</p>"
        '<div class="scroll"><table><thead><tr><th scope="col">Arm</th>'
        '<th scope="col" class="num">Impressions</th>'
        '<th scope="col" class="num">Clicks</th><th scope="col" class="num">CTR</th>'
        f'<th scope="col" class="plot">0 to {top:.1%}</th>'
        '<th scope="col">Against control</th></tr></thead>'
        f"<tbody>{body}</tbody></table></div></section>"
    )


def gates(report: Mapping[str, Any]) -> str:
    """Return the verdicts of the promotion gates, folded."""
    verdicts = report.get("verdicts", [])
    if not verdicts:
        return ""
    body = "".join(
        f"<tr><td>v{int(row['version'])}</td><td>{escaped(str(row['gate']))}</td>"
        f'<td><span class="chip result-{_result(row)}">{_result(row)}</span></td>'
        f'<td class="num">{row["value"]:.4g}</td>'
        f'<td class="num">{row["threshold"]:.4g}</td>'
        f"<td>{escaped(str(row.get('detail', '')))}</td></tr>"
        for row in verdicts
    )
    return (
        f'<details class="gates"><summary>{len(verdicts)} verdicts of the promotion '
        'gates</summary><div class="scroll"><table><thead><tr><th scope="col">Version'
        '</th><th scope="col">Gate</th><th scope="col">Verdict</th>'
        '<th scope="col" class="num">Value</th><th scope="col" class="num">Threshold'
        f'</th><th scope="col">Detail</th></tr></thead><tbody>{body}</tbody></table>'
        "</div></details>"
    )


def _arm(row: Mapping[str, Any], top: float) -> str:
    low, high, rate = (100 * row[name] / top for name in ("low", "high", "ctr"))
    name = escaped(str(row["arm"]))
    return (
        f'<tr><th scope="row"><b>{name}</b> <span>v{int(row["version"])}</span></th>'
        f'<td class="num">{row["impressions"]:,}</td>'
        f'<td class="num">{row["clicks"]:,}</td><td class="num">{row["ctr"]:.2%}</td>'
        f'<td class="plot"><div class="span" title="{row["low"]:.2%} to '
        f'{row["high"]:.2%}"><i style="left:{low:.1f}%;width:{high - low:.1f}%"></i>'
        f'<b style="left:{rate:.1f}%"></b></div></td><td>{_lift(row)}</td></tr>'
    )


def _lift(row: Mapping[str, Any]) -> str:
    """Return the difference to the control arm; unclear is called unclear."""
    if row.get("lift") is None:
        return "<span class=quiet>—</span>"
    low, high = row["lift_low"], row["lift_high"]
    said = f"{100 * row['lift']:+.2f} points ({100 * low:+.2f} to {100 * high:+.2f})"
    if low > 0:
        return f'<span class="better">{said}</span>'
    if high < 0:
        return f'<span class="worse">{said}</span>'
    return f'{said}<br><span class="quiet">includes zero: no clear difference</span>'


def _result(row: Mapping[str, Any]) -> str:
    return row["result"] if row["result"] in ("pass", "fail", "unsure") else "unsure"


def _shown(name: str, value: float) -> str:
    if not name.endswith("_s"):
        return f"{value:,.0f}"
    if value < _SECOND:
        return f"{1000 * value:,.0f} <small>ms</small>"
    return f"{value:,.1f} <small>s</small>"
