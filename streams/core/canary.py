"""Clicks and impressions of two arms -> better, worse, or not known yet.

The interval of the difference is looked at more than once, and each look at a plain
95 % interval is another chance to err: seven looks at equal arms would condemn or crown
about one in five. So looks are few (when the smaller arm reaches n, 2n, 4n, ...) and
the 5 % are divided equally among them (Bonferroni: whatever the looks have in common,
the chance of any error stays below 5 %, 2.5 % on each side). Pocock's and O'Brien and
Fleming's constants are a little less strict, but assume equal steps between looks.

Impressions of one person are counted as if they were independent; where people differ
much the true interval is somewhat wider.
"""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Literal

from schemas.records import Verdict

ERROR = 0.05
"""Chance, over all looks, of finding a difference between equal arms."""

Finding = Literal["better", "worse", "unsure"]


@dataclass(slots=True)
class Tally:
    """Valid impressions of an arm, and how many were clicked."""

    n: int = 0
    clicks: int = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """Click rate of the canary less the champion's, with its interval."""

    value: float
    low: float
    high: float

    @property
    def finding(self) -> Finding:
        """What the interval says."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "unsure"


def wilson(clicks: int, n: int, z: float) -> tuple[float, float]:
    """Return the score interval of a proportion; everything is possible at n = 0.

    Wilson, "Probable inference, the law of succession, and statistical inference",
    JASA 22 (1927).

    >>> low, high = wilson(10, 100, 1.96)
    >>> round(low, 4), round(high, 4)
    (0.0552, 0.1744)
    """
    if n == 0:
        return 0.0, 1.0
    rate, square = clicks / n, z * z
    centre = (rate + square / (2 * n)) / (1 + square / n)
    half = z * sqrt(rate * (1 - rate) / n + square / (4 * n * n)) / (1 + square / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def difference(canary: Tally, champion: Tally, z: float) -> Difference:
    """Return the difference of two proportions with its hybrid score interval.

    Newcombe, "Interval estimation for the difference between independent proportions",
    Statistics in Medicine 17 (1998), method 10. Its own example, 56 of 70 less 48 of
    80:

    >>> found = difference(Tally(70, 56), Tally(80, 48), 1.96)
    >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
    (0.2, 0.0524, 0.3339)
    """
    ours, theirs = _rate(canary), _rate(champion)
    our_low, our_high = wilson(canary.clicks, canary.n, z)
    their_low, their_high = wilson(champion.clicks, champion.n, z)
    value = ours - theirs
    return Difference(
        value=value,
        low=value - sqrt((ours - our_low) ** 2 + (their_high - theirs) ** 2),
        high=value + sqrt((our_high - ours) ** 2 + (theirs - their_low) ** 2),
    )


def looks(first: int, last: int) -> list[int]:
    """Return the impressions at which the arms are compared: doubling up to `last`.

    >>> looks(1_000, 5_000)
    [1000, 2000, 4000, 5000]
    """
    sizes = []
    while first < last:
        sizes.append(first)
        first *= 2
    return [*sizes, last]


def due_look(sizes: list[int], done: int, canary: Tally, champion: Tally) -> int | None:
    """Return the index of the look to take now, or None.

    The last look waits for the canary alone: it decides even if hardly anybody is left
    in the champion's arm.

    Args:
        sizes: from `looks`.
        done: looks taken so far.
        canary: its tally.
        champion: its tally.
    """
    if canary.n >= sizes[-1]:
        return len(sizes) - 1
    smaller = min(canary.n, champion.n)
    reached = sum(size <= smaller for size in sizes[:-1])
    return reached - 1 if reached > done else None


def look(canary: Tally, champion: Tally, n_looks: int) -> tuple[Finding, Verdict]:
    """Compare the arms.

    Args:
        canary: its tally.
        champion: its tally, of the same time.
        n_looks: looks that there will be at most; they share the error.
    """
    z = NormalDist().inv_cdf(1 - ERROR / (2 * n_looks))
    found = difference(canary, champion, z)
    words = (
        f"canary {_rate(canary):.2%} of {canary.n:,}, "
        f"champion {_rate(champion):.2%} of {champion.n:,}: {found.finding}; "
        f"the interval holds over all {n_looks} looks"
    )
    results: dict[Finding, Literal["pass", "fail", "unsure"]] = {
        "better": "pass",
        "worse": "fail",
        "unsure": "unsure",
    }
    verdict = Verdict(
        gate="canary",
        result=results[found.finding],
        value=found.value,
        threshold=0.0,
        low=found.low,
        high=found.high,
        detail=words,
    )
    return found.finding, verdict


def _rate(tally: Tally) -> float:
    return tally.clicks / tally.n if tally.n else 0.0
