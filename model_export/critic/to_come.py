"""Nones that may be clicked yet -> the clicks that a critic learns in advance for them.

Learnt as nones, the newest impressions would count against whatever is shown now. So a
critic learns of each what it expects itself: an impression of age a without a click is
clicked yet with the chance p (1 - F(a)) / (1 - p F(a)) (`delays`), which teaches it
nothing; it only keeps the none from doing so. While they grow old the expected clicks
are taken back and those that came are learnt as corrections. This is the E-step of
Chapelle 2014, with each job's impressions kept as one sum of rows instead of as rows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_export.critic.delays import Delays, Instants

Vector = NDArray[np.float64]

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
class ToCome:
    """Clicks that a critic has learnt in advance, by job."""

    shown_at: Instants
    """int64[J], epoch ms: mean of the job's impressions."""
    share: Vector
    """float64[J]: of their clicks, how many were still to come by the last job."""
    rows: Vector
    """float64[J, P]: what the critic's eta has of them."""

    @classmethod
    def none(cls, n_weights: int) -> "ToCome":
        """Return no clicks."""
        return cls(np.zeros(0, np.int64), np.zeros(0), np.zeros((0, n_weights)))

    def by(self, now: int, heard: Delays) -> "ToCome":
        """Return what is still to come later on.

        Args:
            now: epoch ms.
            heard: share of clicks by age.
        """
        share = np.minimum(1.0 - heard.by(now - self.shown_at), self.share)
        rows = self.rows * (share / self.share)[:, None]
        kept = share > _LITTLE
        return ToCome(self.shown_at[kept], share[kept], rows[kept])

    def with_job(self, shown_at: Instants, share: Vector, rows: Vector) -> "ToCome":
        """Return these and a job's.

        Args:
            shown_at: int64[n], epoch ms, of its impressions that may be clicked yet.
            share: [n], of clicks that are still to come.
            rows: [P], what the critic's eta got for them.
        """
        mean = float(share.mean())
        if mean <= _LITTLE:
            return self
        return ToCome(
            np.append(self.shown_at, np.int64(shown_at.mean())),
            np.append(self.share, mean),
            np.concatenate([self.rows, rows[None]]),
        )

    def total(self) -> Vector:
        """Return what the critic's eta has of all of them: [P]."""
        total: Vector = self.rows.sum(0)
        return total
