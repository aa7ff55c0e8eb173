"""Clicks that have come -> the share of clicks that come within an age.

A `none` is provisional: an impression of age a without a click has one with the chance
p (1 - F(a)) / (1 - p F(a)) still to come, where F is the share of clicks that come by
that age (Chapelle 2014, "Modeling Delayed Feedback in Display Advertising"). A click is
seen only when its delay is below its impression's age, so quick ones are seen more
often than they are: F is the product-limit estimate for such samples (Lynden-Bell
1971; Woodroofe 1985, "Estimating a distribution function with truncated data").
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_CLICKS = 30
"""From fewer nothing is concluded: every none is then taken for what it says."""

Vector = NDArray[np.float64]
Instants = NDArray[np.int64]


@dataclass(frozen=True)
class Delays:
    """F as steps."""

    at: Instants
    """int64[n], ms, ascending."""
    share: Vector
    """float64[n]: of clicks whose delay is at most that; the last is 1."""

    @classmethod
    def seen(cls, delay: Instants, age: Instants) -> "Delays":
        """Return the estimate from clicks.

        Args:
            delay: int64[n], impression to click, ms.
            age: int64[n], of each click's impression by now, ms.
        """
        within = (delay >= 0) & (delay <= age)
        delay, age = delay[within], age[within]
        if len(delay) < LEAST_CLICKS:
            return cls(np.zeros(0, np.int64), np.zeros(0))
        at, count = np.unique(delay, return_counts=True)
        # At t: clicks of delays up to t whose impressions were older than t.
        came = np.searchsorted(np.sort(delay), at, "right")
        young = np.searchsorted(np.sort(age), at, "left")
        survived = 1.0 - count / np.maximum(came - young, count)
        after = np.append(np.cumprod(survived[:0:-1])[::-1], 1.0)  # of later steps
        return cls(at, after)

    def by(self, age: Instants) -> Vector:
        """Return the share of clicks that have come at each age: float64[n]."""
        if not len(self.at):
            return np.ones(len(age))
        step = np.searchsorted(self.at, age, "right") - 1
        share: Vector = np.where(step < 0, 0.0, self.share[np.maximum(step, 0)])
        return share
