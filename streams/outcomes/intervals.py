"""Intervals of proportions, and of the difference of two."""

from math import sqrt
from typing import NamedTuple

Z_95 = 1.959963984540054
"""Normal deviates on each side of a 95 % interval."""


class Interval(NamedTuple):
    """A figure and how far down and up it may lie."""

    value: float
    low: float
    high: float


def wilson(successes: float, n: float, z: float = Z_95) -> tuple[float, float]:
    """Return the score interval of a proportion; everything is possible at n = 0.

    Wilson, "Probable inference, the law of succession, and statistical inference",
    JASA 22 (1927).

    >>> low, high = wilson(10, 100)
    >>> round(low, 4), round(high, 4)
    (0.0552, 0.1744)
    """
    if n == 0:
        return 0.0, 1.0
    rate, square = successes / n, z * z
    centre = (rate + square / (2 * n)) / (1 + square / n)
    half = z * sqrt(rate * (1 - rate) / n + square / (4 * n * n)) / (1 + square / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def subtracted(ours: Interval, theirs: Interval) -> Interval:
    """Return ours - theirs: the two intervals, joined by squares.

    Newcombe, "Interval estimation for the difference between independent proportions",
    Statistics in Medicine 17 (1998), method 10. His own example, 56 of 70 less 48 of
    80:

    >>> found = subtracted(
    ...     Interval(56 / 70, *wilson(56, 70)), Interval(48 / 80, *wilson(48, 80))
    ... )
    >>> [round(bound, 4) for bound in found]
    [0.2, 0.0524, 0.3339]
    """
    value = ours.value - theirs.value
    below = sqrt((ours.value - ours.low) ** 2 + (theirs.high - theirs.value) ** 2)
    above = sqrt((ours.high - ours.value) ** 2 + (theirs.value - theirs.low) ** 2)
    return Interval(value, value - below, value + above)
