"""Points of many worlds -> the figures that are asked of a loop that learns."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np

from benchmarks.figures import Row, Target, alone, at_least, at_most
from benchmarks.learning.results import Runs, interval
from benchmarks.learning.run import BACK_AT, DRIFT_AT, RETURN_AT, Point

__all__ = ["Runs"]

_PERCENT = 100.0
_MAX_FAKES = 2_000


@dataclass(frozen=True)
class Worlds:
    """Runs of some methods in the same worlds."""

    runs: Runs
    seeds: Sequence[int]
    impressions: int

    def at(self, kind: str, method: str, n: int | None = None) -> list[Point]:
        """Return each world's point after n impressions.

        Args:
            kind: of world.
            method: name.
            n: impressions; the last ones asked for if None.
        """
        n = n or self.impressions
        return [
            next(
                one for one in self.runs[kind, method, seed] if one["impressions"] == n
            )
            for seed in self.seeds
        ]


def learnt(worlds: Worlds, kind: str, method: str, peer: str) -> Iterator[Row]:
    """Yield the gap that is closed, and click rates beside a peer's."""
    points = worlds.at(kind, method)
    yield _row(
        f"{kind}: {method} gap closed", "%", [_gap(one) for one in points], _PERCENT
    )
    yield from beside(worlds, kind, method, peer)


def beside(worlds: Worlds, kind: str, method: str, peer: str) -> Iterator[Row]:
    """Yield click rates beside a peer's in the same worlds: learnt, and learning."""
    pairs = list(zip(worlds.at(kind, method), worlds.at(kind, peer), strict=True))
    for key, words in (("ctr", "CTR"), ("while_learning", "CTR while learning")):
        ratios = [ours[key] / theirs[key] for ours, theirs in pairs]
        name = f"{kind}: {method} {words} beside {peer}"
        yield _row(name, "ratio", ratios, target=at_least(1.0))


def generator(worlds: Worlds, kind: str, method: str) -> Iterator[Row]:
    """Yield what tuning the generator adds, and what picking from its pool costs."""
    points = worlds.at(kind, method)
    tuned = [_gap(one, "ctr_generated") for one in points]
    before = [_gap(one, "ctr_pretrained") for one in points]
    name = f"{kind}: {method} gap by 16 tuned designs over 16 pre-trained, same critic"
    yield _row_of(
        name, "ratio", ratio_of_means(tuned, before), len(points), at_least(2.0)
    )
    lost = [1.0 - one["ctr_generated"] / one["ctr_exact"] for one in points]
    name = f"{kind}: {method} CTR lost by the pick of 16 generated designs"
    yield _row(name, "%", lost, _PERCENT, at_most(3.0))


def served(worlds: Worlds, kind: str, method: str) -> Iterator[Row]:
    """Yield whether scores mean what they say, and how different designs are."""
    points = worlds.at(kind, method)
    off = interval([one["calibration"] - 1.0 for one in points])
    name = f"{kind}: {method} predicted over true clicks of served designs, less 1"
    yield _row_of(name, "ratio", off, len(points), at_most(0.03), value_of=abs)
    diversity = [one["diversity"] for one in points]
    yield _row(f"{kind}: {method} diversity of served designs", "of random", diversity)


def shuffled(worlds: Worlds, method: str) -> Row:
    """Return what is "learnt" where nothing can be."""
    gaps = [_gap(one) for one in worlds.at("shuffled", method)]
    return _row(f"shuffled: {method} gap closed", "%", gaps, _PERCENT, at_most(3.0))


def poisoned(worlds: Worlds, method: str) -> Iterator[Row]:
    """Yield the lift that fake clicks cost, and how many there are before the alarm."""
    points = worlds.at("poisoned", method)
    clean = worlds.at("bilinear", method)
    kept = ratio_of_means([_lift(one) for one in points], [_lift(one) for one in clean])
    lost = (1.0 - kept[0], 1.0 - kept[2], 1.0 - kept[1])
    name = f"poisoned: {method} lift lost to 2 % fake clicks"
    yield _row_of(name, "%", lost, len(points), at_most(10.0), scale=_PERCENT)
    fakes = [one.get("fakes_at_alarm", float("nan")) for one in points]
    n_silent = sum(map(isnan, fakes))
    heard = [one for one in fakes if not isnan(one)] or [float(_MAX_FAKES * 10)]
    worst = max(heard)
    yield Row(
        name=f"poisoned: {method} fake clicks before the alarm, worst world"
        + (f"; none in {n_silent} worlds" if n_silent else ""),
        value=worst,
        unit="clicks",
        peer=None,
        ratio=None,
        target=_MAX_FAKES,
        reached=not n_silent and worst <= _MAX_FAKES,
        n_runs=len(points),
        low=min(heard),
        high=worst,
    )
    wrong = [float(one["wrong_alarms"]) for one in worlds.at("bilinear", method)]
    yield _row(f"bilinear: {method} jobs with a false alarm", "jobs a world", wrong)


def drifting(worlds: Worlds, method: str) -> Iterator[Row]:
    """Yield the click rate lost when tastes have turned and come back."""
    before = worlds.at("drifting", method, DRIFT_AT)
    home = worlds.at("drifting", method, RETURN_AT)
    back = worlds.at("drifting", method, BACK_AT)
    for words, after, key in (
        ("at the return of the old tastes", home, "ctr_home"),
        ("50,000 impressions after their return", back, "ctr"),
    ):
        lost = [
            1.0 - now[key] / then["ctr"]
            for now, then in zip(after, before, strict=True)
        ]
        name = f"drifting: {method} CTR lost {words}"
        yield _row(name, "%", lost, _PERCENT, at_most(5.0))


def ratio_of_means(
    ours: Sequence[float], theirs: Sequence[float]
) -> tuple[float, float, float]:
    """Return mean(ours) / mean(theirs), low and high over pairs (delta method).

    Steadier than a mean of ratios where a world's denominator is near 0.

    >>> ratio_of_means([2.0, 4.0], [1.0, 2.0])
    (2.0, 2.0, 2.0)
    """
    ratio = float(np.mean(ours) / np.mean(theirs))
    off = (np.array(ours) - ratio * np.array(theirs)) / np.mean(theirs)
    around, low, high = interval([float(one) for one in off])
    return ratio, ratio + low - around, ratio + high - around


def _gap(point: Point, key: str = "ctr") -> float:
    return float((point[key] - point["random"]) / (point["oracle"] - point["random"]))


def _lift(point: Point) -> float:
    return float(point["ctr"] - point["random"])


def _row(
    name: str,
    unit: str,
    values: Sequence[float],
    scale: float = 1.0,
    target: Target | None = None,
) -> Row:
    return _row_of(name, unit, interval(values), len(values), target, scale=scale)


def _row_of(
    name: str,
    unit: str,
    found: tuple[float, float, float],
    n: int,
    target: Target | None,
    *,
    scale: float = 1.0,
    value_of: Callable[[float], float] = float,
) -> Row:
    """Return a row of a mean with its interval; with one world that is the mean."""
    mean, low, high = (scale * one for one in found)
    ends = mean if isnan(low) else low, mean if isnan(high) else high
    return alone(name, unit, value_of(mean), ends, n, target)
