"""Clicks and impressions of two arms -> better, worse, or not known yet.

The arms are compared more than once, and each look is another chance to err: seven
looks at plain 95 % intervals of equal arms would condemn or crown about one in five.
So looks are few (when the smaller arm reaches n, 2n, 4n, ...) and share their errors.

- **Worse** is a canary whose click rate is surely below the champion's. Every look has
  the same part of the 2.5 % (Bonferroni): what harms people is seen early.
- **Better** is a canary that surely loses less than `max_loss` of the champion's clicks
  and, as far as is known, none. A version of a loop that learns need not be proven
  better each time, but it must not be a step back. Most of this error is kept for the
  last look, by the cube of the impressions so far (an error spending function: Kim,
  DeMets 1987, "Design and Analysis of Group Sequential Tests Based on the Type I Error
  Spending Rate Function", Biometrika 74). What a look may spend it spends as if alone,
  so nothing is assumed about what the looks have in common.

Two equal models are promoted about as often as not, and nobody loses by it. What is
neither by the last look goes back: a canary so small shows nothing about a candidate.

Impressions of one person resemble each other, so they say less than as many people
would. How much less is measured: people are thrown into `N_GROUPS` groups, and clicks
that differ more between groups than chance allows widen all intervals by as much (the
random group method: Wolter 1985, "Introduction to Variance Estimation", chapter 2; the
design effect: Kish 1965, "Survey Sampling").
"""

from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Literal
from zlib import crc32

from schemas.records import GateResult, Verdict
from streams.outcomes.intervals import Interval, subtracted, wilson

ERROR = 0.025
"""Chance, over all looks, of rolling back a candidate that is the champion's equal."""

BAD_ERROR = 0.005
"""Chance, over all looks, of promoting a candidate that loses just `max_loss`: half of
the 1 % that is allowed, for intervals are a little narrow where a few people come very
often."""

_SPENDING = 3.0
"""Power of the impressions so far that the error is spent by."""

MAX_LOSS = 0.06
"""Part of the champion's clicks that a promotion has to rule out losing."""

N_GROUPS = 64
"""Groups of people in each arm."""

Finding = Literal["better", "worse", "unsure"]

_NORMAL = NormalDist()
_RESULTS: dict[Finding, GateResult] = {
    "better": "pass",
    "worse": "fail",
    "unsure": "unsure",
}


@dataclass(slots=True)
class Tally:
    """Valid impressions of an arm, and how many were clicked."""

    n: int = 0
    clicks: int = 0
    groups: list[list[int]] = field(default_factory=list)
    """The same [n, clicks] for each group of people; empty: not known."""

    def add(self, group: int, n: int, clicks: int) -> None:
        """Count (or, below zero, take back) impressions of a group of people."""
        if not self.groups:
            self.groups = [[0, 0] for _ in range(N_GROUPS)]
        self.n += n
        self.clicks += clicks
        self.groups[group][0] += n
        self.groups[group][1] += clicks


def group_of(user_id: str) -> int:
    """Return the group of a person, whatever arm they are in."""
    return crc32(user_id.encode()) % N_GROUPS


def design_effect(*arms: Tally) -> float:
    """Return the variance of clicks beside that of independent impressions, at least 1.

    Args:
        arms: tallies whose groups are known; the others are left out.
    """
    seen = expected = 0.0
    for arm in arms:
        n = sum(group[0] for group in arm.groups)
        if not n:
            continue
        rate = sum(group[1] for group in arm.groups) / n
        off = sum((clicks - rate * size) ** 2 for size, clicks in arm.groups)
        seen += off * N_GROUPS / (N_GROUPS - 1)
        expected += n * rate * (1.0 - rate)
    return max(1.0, seen / expected) if expected else 1.0


def difference(canary: Tally, champion: Tally, z: float, kept: float = 1.0) -> Interval:
    """Return canary - kept x champion with its hybrid score interval.

    Newcombe's method (`intervals.subtracted`) with a factor: Zou, Donner, "Construction
    of confidence limits about effect measures", Statistics in Medicine 27 (2008).

    Args:
        canary: its tally.
        champion: its tally.
        z: normal deviates on each side.
        kept: part of the champion's rate to compare with.
    """
    effect = design_effect(canary, champion)
    return subtracted(_bounds(canary, effect, z), _bounds(champion, effect, z, kept))


def _bounds(arm: Tally, effect: float, z: float, kept: float = 1.0) -> Interval:
    low, high = wilson(arm.clicks / effect, arm.n / effect, z)
    return Interval(kept * _rate(arm), kept * low, kept * high)


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


def spent(sizes: list[int], index: int) -> float:
    """Return the part of `BAD_ERROR` that a look may spend.

    >>> sizes = looks(1_000, 50_000)
    >>> [round(spent(sizes, i) / BAD_ERROR, 3) for i in range(len(sizes))]
    [0.0, 0.0, 0.0, 0.004, 0.029, 0.229, 0.738]
    """
    before = sizes[index - 1] if index else 0
    last = float(sizes[-1])
    share, shared = (float((n / last) ** _SPENDING) for n in (sizes[index], before))
    return BAD_ERROR * (share - shared)


def look(
    canary: Tally,
    champion: Tally,
    sizes: list[int],
    index: int,
    max_loss: float = MAX_LOSS,
) -> tuple[Finding, Verdict]:
    """Compare the arms.

    Args:
        canary: its tally.
        champion: its tally, of the same time.
        sizes: from `looks`.
        index: of this look.
        max_loss: part of the champion's clicks that `better` rules out losing; with 1
            whatever is not worse is better.
    """
    finding = _finding(canary, champion, sizes, index, max_loss)
    beside = difference(canary, champion, _worse_z(sizes))
    verdict = Verdict(
        gate="canary",
        result=_RESULTS[finding],
        value=beside.value,
        threshold=-max_loss * _rate(champion),
        low=beside.low,
        high=beside.high,
        detail=f"canary {_rate(canary):.2%} of {canary.n:,}, "
        f"champion {_rate(champion):.2%} of {champion.n:,}: {finding}; look "
        f"{index + 1} of {len(sizes)}; better: surely less than {max_loss:.0%} "
        "of the clicks lost",
    )
    return finding, verdict


def _finding(
    canary: Tally, champion: Tally, sizes: list[int], index: int, max_loss: float
) -> Finding:
    beside = difference(canary, champion, _worse_z(sizes))
    if beside.high < 0:
        return "worse"
    if max_loss >= 1.0:
        return "better" if index == len(sizes) - 1 or beside.low > 0 else "unsure"
    sure = -_NORMAL.inv_cdf(spent(sizes, index))
    kept = difference(canary, champion, sure, 1.0 - max_loss)
    return "better" if kept.low > 0 and beside.value > 0 else "unsure"


def _worse_z(sizes: list[int]) -> float:
    """Return the normal deviates by which a worse canary is below the champion."""
    return -_NORMAL.inv_cdf(ERROR / len(sizes))


def _rate(tally: Tally) -> float:
    return tally.clicks / tally.n if tally.n else 0.0
