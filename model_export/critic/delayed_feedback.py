"""Clicks that come late: their delays, and those a critic learns before they come.

A `none` is provisional: an impression of age a without a click has one with the chance
p (1 - F(a)) / (1 - p F(a)) still to come, where F is the share of clicks that come by
that age (Chapelle 2014, "Modeling Delayed Feedback in Display Advertising"). A click is
seen only when its delay is below its impression's age, so quick ones are seen more
often than they are: F is the product-limit estimate for such samples (Lynden-Bell
1971; Woodroofe 1985, "Estimating a distribution function with truncated data").

Learnt as negatives, the newest impressions would count against whatever is shown now.
So a critic learns of each what it expects itself, which teaches it nothing; it only
keeps the missing click from doing so. While they grow old the expected clicks are taken
back and those that came are learnt as corrections. This is the E-step of Chapelle 2014,
with each job's impressions kept as one sum of rows instead of as rows.
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


_LITTLE = 1e-3
"""Share to come from which nothing is expected any more."""


def expected(
    clicked: NDArray[np.floating], chance: Vector, heard: Vector
) -> NDArray[np.float32]:
    """Return the chance of a click, sooner or later, of what was heard of so far: [n].

    Args:
        clicked: [n], 0 or 1.
        chance: [n], of a click, before anything was heard.
        heard: [n], share of clicks that come by the impression's age.
    """
    still = chance * (1.0 - heard) / (1.0 - chance * heard)
    label: NDArray[np.float32] = np.where(clicked > 0, 1.0, still).astype(np.float32)
    return label


@dataclass(frozen=True)
class ExpectedClicks:
    """Clicks that a critic has learnt in advance, by job."""

    shown_at: Instants
    """int64[J], epoch ms: mean of the job's impressions."""
    share: Vector
    """float64[J]: of their clicks, how many were still to come by the last job."""
    rows: Vector
    """float64[J, P]: what the critic's eta has of them."""

    @classmethod
    def none(cls, n_weights: int) -> "ExpectedClicks":
        """Return no clicks."""
        return cls(np.zeros(0, np.int64), np.zeros(0), np.zeros((0, n_weights)))

    def by(self, now: int, heard: Delays) -> "ExpectedClicks":
        """Return what is still to come later on.

        Args:
            now: epoch ms.
            heard: share of clicks by age.
        """
        share = np.minimum(1.0 - heard.by(now - self.shown_at), self.share)
        rows = self.rows * (share / self.share)[:, None]
        kept = share > _LITTLE
        return ExpectedClicks(self.shown_at[kept], share[kept], rows[kept])

    def with_job(
        self, shown_at: Instants, share: Vector, rows: Vector
    ) -> "ExpectedClicks":
        """Return these and a job's.

        Args:
            shown_at: int64[n], epoch ms, of its impressions that may be clicked yet.
            share: [n], of clicks that are still to come.
            rows: [P], what the critic's eta got for them.
        """
        mean = float(share.mean())
        if mean <= _LITTLE:
            return self
        return ExpectedClicks(
            np.append(self.shown_at, np.int64(shown_at.mean())),
            np.append(self.share, mean),
            np.concatenate([self.rows, rows[None]]),
        )

    def total(self) -> Vector:
        """Return what the critic's eta has of all of them: [P]."""
        total: Vector = self.rows.sum(0)
        return total
