"""Does the critic know anything about designs? Its pairwise accuracy, with an interval.

Of a clicked and an unclicked impression, how often does the critic think better of the
clicked one? One half is chance. A generator that is tuned by a critic below that learns
noise, so it is left alone until the interval is above chance.

The critic is asked before it learns from a job (test, then train: Dawid 1984,
"Prequential Analysis"). What counts is how much better it thinks of a design than of
the average design for the same person: who clicks on anything does not enter. Jobs are
few and clicks rare, so the evidence of a model's jobs is pooled.

Published reward models of creatives reach 52 to 57 % on public click logs.
"""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from model_export.critic.selector import ClickCritic
from model_export.space.design_space import DesignSpace
from schemas.records import Verdict

CHANCE = 0.5
"""Accuracy of a critic that knows nothing."""

CONFIDENCE = 0.95
"""One-sided: the chance that a critic at chance is held back."""

_N_DESIGNS = 500
"""Random designs that make the average one."""
_LEAST_GROUP = 2
"""A variance needs two."""
_LEAST_VARIANCE = 1e-6

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Honesty:
    """Pairwise accuracy over all jobs of a line of versions."""

    accuracy: float = CHANCE
    weight: float = 0.0
    """Inverse of the accuracy's variance; 0: nothing is known."""

    @property
    def low(self) -> float:
        """Lower bound of the accuracy."""
        if self.weight <= 0.0:
            return 0.0
        return self.accuracy - NormalDist().inv_cdf(CONFIDENCE) / sqrt(self.weight)

    @property
    def is_above_chance(self) -> bool:
        """Whether a generator may follow this critic."""
        return self.low > CHANCE

    def pooled(self, other: "Honesty") -> "Honesty":
        """Return both together, weighted by how sure each is."""
        weight = self.weight + other.weight
        if weight <= 0.0:
            return self
        total = self.accuracy * self.weight + other.accuracy * other.weight
        return Honesty(total / weight, weight)

    def verdict(self, *, is_followed: bool = True) -> Verdict:
        """Return the row that says whether the generator was tuned.

        Args:
            is_followed: whether the critic chooses designs by what it learnt.
        """
        known = self.weight > 0.0
        effect = (
            "above chance" if self.is_above_chance else "the generator was not tuned"
        )
        if not is_followed:
            effect += "; designs do not seem to matter: none is preferred"
        return Verdict(
            gate="reward_honesty",
            result="pass" if self.is_above_chance else "unsure",
            value=self.accuracy,
            threshold=CHANCE,
            low=self.low if known else None,
            high=2.0 * self.accuracy - self.low if known else None,
            detail="pairwise accuracy of the critic on impressions it had not seen; "
            + effect,
        )


def judge(
    critic: ClickCritic,
    space: DesignSpace,
    design: Floats,
    person: Floats,
    clicked: Floats,
) -> Honesty:
    """Return the pairwise accuracy of a critic on impressions it has not learnt from.

    Args:
        critic: before it learns from them.
        space: creative space.
        design: float32[n, D], what was shown.
        person: float32[n, N].
        clicked: float32[n], 0 or 1.
    """
    if not critic.n_examples:
        return Honesty()
    layout = critic.layout
    n_pairs = layout.n_looks * layout.n_who
    mean = critic.mean()[:n_pairs].reshape(layout.n_looks, layout.n_who)
    usual = layout.looks(space.random(_N_DESIGNS, np.random.default_rng(0))).mean(0)
    worth = layout.who(person) @ mean.T  # (n, F)
    advantage = ((layout.looks(design) - usual) * worth).sum(1)
    return pairwise_accuracy(advantage[clicked > 0], advantage[clicked <= 0])


def pairwise_accuracy(
    clicked: NDArray[np.floating], unclicked: NDArray[np.floating]
) -> Honesty:
    """Return how often a clicked score is above an unclicked one; ties count half.

    The variance is that of DeLong, DeLong, Clarke-Pearson 1988, "Comparing the Areas
    under Two or More Correlated Receiver Operating Characteristic Curves".

    >>> pairwise_accuracy(np.array([3.0, 4.0]), np.array([1.0, 2.0, 3.5])).accuracy
    0.8333333333333334
    """
    n, m = len(clicked), len(unclicked)
    if min(n, m) < _LEAST_GROUP:
        return Honesty()
    above = _wins(clicked, unclicked) / m
    below = 1.0 - _wins(unclicked, clicked) / n
    variance = above.var(ddof=1) / n + below.var(ddof=1) / m
    return Honesty(float(above.mean()), 1.0 / max(float(variance), _LEAST_VARIANCE))


def _wins(
    scores: NDArray[np.floating], others: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Return how many of the others each score is above; a tie is half a win."""
    ordered = np.sort(others)
    left = np.searchsorted(ordered, scores, "left")
    wins: NDArray[np.float64] = (left + np.searchsorted(ordered, scores, "right")) / 2.0
    return wins
