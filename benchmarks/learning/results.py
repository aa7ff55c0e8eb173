"""Points of many worlds -> rows: means with intervals, paired differences."""

from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np

from benchmarks.learning.methods.catalogue import REFERENCE
from benchmarks.learning.run import Point

Runs = dict[tuple[str, str, int], list[Point]]
"""(kind of world, method, seed) -> its points."""

_T = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26}
"""97.5 % points of Student's t by degrees of freedom; 1.96 + 2.7 / df beyond."""


def rows(runs: Runs) -> list[dict[str, Any]]:
    """Return one row for each kind of world, method and number of impressions."""
    found = []
    for kind, method in dict.fromkeys((kind, method) for kind, method, _ in runs):
        own = {
            seed: runs[k, m, seed] for k, m, seed in runs if (k, m) == (kind, method)
        }
        for n in dict.fromkeys(
            p["impressions"] for points in own.values() for p in points
        ):
            at = {seed: _at(points, n) for seed, points in own.items()}
            at = {seed: point for seed, point in at.items() if point}
            beside = {
                seed: _at(runs.get((kind, REFERENCE, seed), []), n) for seed in at
            }
            found.append(_row(kind, method, n, at, beside))
    return found


def _row(
    kind: str,
    method: str,
    n: int,
    at: dict[int, Point],
    beside: dict[int, Point],
) -> dict[str, Any]:
    gap, gap_low, gap_high = interval([_gap(p, "ctr") for p in at.values()])
    pairs = [(at[seed], other) for seed, other in beside.items() if other]
    ctr, ctr_low, ctr_high = interval([p["ctr"] / o["ctr"] - 1 for p, o in pairs])
    learning = interval(
        [p["while_learning"] / o["while_learning"] - 1 for p, o in pairs]
    )
    points = list(at.values())
    row = {
        "world": kind,
        "method": method,
        "impressions": n,
        "gap": gap,
        "gap_low": gap_low,
        "gap_high": gap_high,
        "ctr_vs_lints": ctr,
        "ctr_low": ctr_low,
        "ctr_high": ctr_high,
        "ctr_while_learning": float(np.mean([p["while_learning"] for p in points])),
        "learning_vs_lints": learning[0],
        "learning_low": learning[1],
        "learning_high": learning[2],
        "diversity": float(np.mean([p["diversity"] for p in points])),
        "n_worlds": len(points),
    }
    for key in ("calibration", "ctr_generated", "ctr_exact"):
        if key in points[0]:
            is_rate = key.startswith("ctr_")
            values = [_gap(p, key) if is_rate else p[key] for p in points]
            row[key.replace("ctr_", "gap_")] = float(np.mean(values))
    return row


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return mean, low and high: 95 %, by Student's t over worlds.

    >>> interval([1.0, 2.0, 3.0])[0]
    2.0
    """
    n = len(values)
    if n == 0:
        return float("nan"), float("nan"), float("nan")
    mean = float(np.mean(values))
    if n == 1:
        return mean, float("nan"), float("nan")
    half = _T.get(n - 1, 1.96 + 2.7 / (n - 1)) * float(np.std(values, ddof=1)) / sqrt(n)
    return mean, mean - half, mean + half


def to_text(row: dict[str, Any]) -> str:
    """Return a row for people."""

    def percent(name: str) -> str:
        return "   –" if np.isnan(row[name]) else f"{100 * row[name]:5.1f}"

    half = 100 * (row["gap_high"] - row["gap"])
    return (
        f"{row['world']:<13}{row['method']:<18}{row['impressions']:>8,}  gap "
        f"{percent('gap')} ± {half:4.1f} %  CTR beside LinTS {percent('ctr_vs_lints')} "
        f"[{percent('ctr_low')}, {percent('ctr_high')}] %  while learning "
        f"{percent('learning_vs_lints')} %  {row['n_worlds']} worlds"
    )


def _gap(point: Point, key: str) -> float:
    return float((point[key] - point["random"]) / (point["oracle"] - point["random"]))


def _at(points: list[Point], n: int) -> Point:
    return next((point for point in points if point["impressions"] == n), {})
