"""Points of many worlds -> the figures that are asked of a loop that learns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isnan

import numpy as np

from benchmarks.figures import Row, Target, alone, at_least, at_most
from benchmarks.learning.results import Runs, interval
from benchmarks.learning.run import BACK_AT, DRIFT_AT, RETURN_AT, Point

__all__ = ["Runs"]

Asked = tuple[str, str]
"""Kind of world and method, as runs are named."""

_PERCENT = 100.0
_MAX_FAKES = 2_000


@dataclass(frozen=True)
class Worlds:
    """Runs of some methods in the same worlds."""

    runs: Runs
    seeds: Sequence[int]

    def at(self, *wanted: tuple[Asked, int]) -> list[tuple[Point, ...]]:
        """Return the points of each world that has them all.

        Args:
            wanted: kind of world and method, and impressions.
        """
        found = []
        for seed in self.seeds:
            points = [
                [one for one in self._run(own, seed) if one["impressions"] == n]
                for own, n in wanted
            ]
            if all(points):
                found.append(tuple(one for (one,) in points))
        return found

    def alone(self, own: Asked, n: int) -> list[Point]:
        """Return the points of each world that has one after n impressions."""
        return [one for (one,) in self.at((own, n))]

    def _run(self, own: Asked, seed: int) -> list[Point]:
        return self.runs.get((*own, seed), [])


def closed(worlds: Worlds, own: Asked, n: int, must: float | None = None) -> Row:
    """Return the gap that is closed.

    Args:
        worlds: runs.
        own: kind of world and method.
        n: impressions.
        must: percent that are asked.
    """
    gaps = [_gap(one) for one in worlds.alone(own, n)]
    target = None if must is None else at_least(must)
    return _row(_name(own, f"gap closed at {n:,}"), "%", gaps, _PERCENT, target)


def beside(
    worlds: Worlds,
    own: Asked,
    peer: str,
    n: int,
    must: float | None = None,
    must_learning: float | None = None,
) -> Iterator[Row]:
    """Yield click rates beside a peer's in the same worlds: learnt, and learning.

    Args:
        worlds: runs.
        own: kind of world and method.
        peer: method.
        n: impressions.
        must: ratio that is asked of what was learnt; its interval has to exclude 1.
        must_learning: ratio that is asked of the mean on the way.
    """
    pairs = worlds.at((own, n), ((own[0], peer), n))
    for key, words, limit in (
        ("ctr", "CTR", must),
        ("while_learning", "CTR while learning", must_learning),
    ):
        ratios = [ours[key] / theirs[key] for ours, theirs in pairs]
        name = _name(own, f"{words} beside {peer} at {n:,}")
        target = None if limit is None else at_least(limit)
        found = _row(name, "ratio", ratios, target=target)
        is_sure = limit is None or limit < 1.0 or found.low > 1.0
        yield found if is_sure else replace(found, reached=False)


def generator(worlds: Worlds, own: Asked, n: int) -> Iterator[Row]:
    """Yield what tuning the generator adds, and what picking from its pool costs."""
    points = worlds.alone(own, n)
    tuned = [_gap(one, "ctr_generated") for one in points]
    before = [_gap(one, "ctr_pretrained") for one in points]
    words = "gap by 16 tuned designs over 16 pre-trained, same critic"
    yield _row_of(
        _name(own, f"{words}, at {n:,}"),
        "ratio",
        ratio_of_means(tuned, before),
        len(points),
        at_least(2.0),
    )
    lost = [1.0 - one["ctr_generated"] / one["ctr_exact"] for one in points]
    name = _name(own, f"CTR lost by the pick of 16 generated designs at {n:,}")
    yield _row(name, "%", lost, _PERCENT, at_most(3.0))


def served(
    worlds: Worlds, own: Asked, n: int, most_off: float | None = None
) -> Iterator[Row]:
    """Yield whether scores mean what they say, and how different designs are.

    Args:
        worlds: runs.
        own: kind of world and method.
        n: impressions.
        most_off: that predicted over true clicks may differ from 1, as is asked.
    """
    points = worlds.alone(own, n)
    words = "predicted over true clicks of served designs, less 1,"
    off = [one["calibration"] - 1.0 for one in points]
    found = _row(_name(own, f"{words} at {n:,}"), "ratio", off)
    if most_off is not None:
        found = replace(found, target=most_off, reached=abs(found.value) <= most_off)
    yield found
    name = _name(own, f"diversity of served designs at {n:,}")
    yield _row(name, "of random", [one["diversity"] for one in points])


def shuffled(worlds: Worlds, method: str, n: int) -> Row:
    """Return what is "learnt" where nothing can be."""
    own = "shuffled", method
    gaps = [_gap(one) for one in worlds.alone(own, n)]
    name = _name(own, f"gap closed at {n:,}")
    return _row(name, "%", gaps, _PERCENT, at_most(3.0))


def poisoned(worlds: Worlds, method: str, n: int) -> Iterator[Row]:
    """Yield the lift that fake clicks cost, and how many there are before the alarm."""
    own, clean = ("poisoned", method), ("bilinear", method)
    pairs = worlds.at((own, n), (clean, n))
    kept = ratio_of_means(
        [_lift(one) for one, _ in pairs], [_lift(c) for _, c in pairs]
    )
    lost = (1.0 - kept[0], 1.0 - kept[2], 1.0 - kept[1])
    name = _name(own, f"lift lost to 2 % fake clicks at {n:,}")
    yield _row_of(name, "%", lost, len(pairs), at_most(10.0), scale=_PERCENT)
    fakes = [one.get("fakes_at_alarm", float("nan")) for one in worlds.alone(own, n)]
    yield _alarm(own, fakes)
    wrong = [float(one["wrong_alarms"]) for one in worlds.alone(clean, n)]
    yield _row(_name(clean, "jobs with a false alarm"), "jobs a world", wrong)


def _alarm(own: Asked, fakes: Sequence[float]) -> Row:
    """Return how many fake clicks there were before the alarm; NaN: it never came."""
    n_silent = sum(map(isnan, fakes))
    heard = [one for one in fakes if not isnan(one)] or [float(_MAX_FAKES * 10)]
    silent = f"; none in {n_silent} worlds" if n_silent else ""
    name = _name(own, "fake clicks before the alarm, worst world") + silent
    ends = min(heard), max(heard)
    found = alone(name, "clicks", max(heard), ends, len(fakes), at_most(_MAX_FAKES))
    return replace(found, reached=False) if n_silent else found


def drifting(worlds: Worlds, method: str) -> Iterator[Row]:
    """Yield the click rate lost when tastes have turned and come back."""
    own = "drifting", method
    for words, n, key in (
        ("at the return of the old tastes", RETURN_AT, "ctr_home"),
        ("50,000 impressions after their return", BACK_AT, "ctr"),
    ):
        pairs = worlds.at((own, n), (own, DRIFT_AT))
        lost = [1.0 - now[key] / before["ctr"] for now, before in pairs]
        yield _row(_name(own, f"CTR lost {words}"), "%", lost, _PERCENT, at_most(5.0))


def ratio_of_means(
    ours: Sequence[float], theirs: Sequence[float]
) -> tuple[float, float, float]:
    """Return mean(ours) / mean(theirs), low and high over pairs (delta method).

    Steadier than a mean of ratios where a world's denominator is near 0.

    >>> ratio_of_means([2.0, 4.0], [1.0, 2.0])
    (2.0, 2.0, 2.0)
    """
    if not ours:
        return float("nan"), float("nan"), float("nan")
    ratio = float(np.mean(ours) / np.mean(theirs))
    off = (np.array(ours) - ratio * np.array(theirs)) / np.mean(theirs)
    around, low, high = interval([float(one) for one in off])
    return ratio, ratio + low - around, ratio + high - around


def _name(own: Asked, words: str) -> str:
    kind, method = own
    return f"{kind}: {method} {words}"


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
) -> Row:
    """Return a row of a mean with its interval; with one world that is the mean."""
    mean, low, high = (scale * one for one in found)
    ends = mean if isnan(low) else low, mean if isnan(high) else high
    return alone(name, unit, mean, ends, n, target)
