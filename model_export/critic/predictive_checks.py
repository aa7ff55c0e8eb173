"""Is the critic to be believed? Each batch is predicted before it is learnt from.

That is evidence only while the critic has not seen it (test, then train: Dawid 1984,
"Prequential Analysis"). Three questions are asked of it.
"""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from model_export.critic.prior import Prior
from model_export.critic.selector import ClickCritic
from model_export.space.design_space import DesignSpace
from schemas.records import Verdict

# -- Ranking: does the critic know anything about designs? ----------------------------
#
# Of a clicked and an unclicked impression, how often does the critic think better of
# the clicked one? One half is chance. A generator that is tuned by a critic below that
# learns noise, so it is left alone until the interval is above chance. What counts is
# how much better it thinks of a design than of the average design for the same person:
# who clicks on anything does not enter. Jobs are few and clicks rare, so the evidence
# of a model's jobs is pooled. Published reward models of creatives reach 52 to 57 % on
# click logs.

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
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class RankingCheck:
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

    def pooled(self, other: "RankingCheck") -> "RankingCheck":
        """Return both together, weighted by how sure each is."""
        weight = self.weight + other.weight
        if weight <= 0.0:
            return self
        total = self.accuracy * self.weight + other.accuracy * other.weight
        return RankingCheck(total / weight, weight)

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
) -> RankingCheck:
    """Return the pairwise accuracy of a critic on impressions it has not learnt from.

    Args:
        critic: before it learns from them.
        space: creative space.
        design: float32[n, D], what was shown.
        person: float32[n, N].
        clicked: float32[n], 0 or 1.
    """
    if not critic.n_examples:
        return RankingCheck()
    layout = critic.layout
    n_pairs = layout.n_looks * layout.n_who
    mean = critic.mean()[:n_pairs].reshape(layout.n_looks, layout.n_who)
    usual = layout.looks(space.random(_N_DESIGNS, np.random.default_rng(0))).mean(0)
    worth = layout.who(person) @ mean.T  # (n, F)
    advantage = ((layout.looks(design) - usual) * worth).sum(1)
    return pairwise_accuracy(advantage[clicked > 0], advantage[clicked <= 0])


def pairwise_accuracy(
    clicked: NDArray[np.floating], unclicked: NDArray[np.floating]
) -> RankingCheck:
    """Return how often a clicked score is above an unclicked one; ties count half.

    The variance is that of DeLong, DeLong, Clarke-Pearson 1988, "Comparing the Areas
    under Two or More Correlated Receiver Operating Characteristic Curves".

    >>> pairwise_accuracy(np.array([3.0, 4.0]), np.array([1.0, 2.0, 3.5])).accuracy
    0.8333333333333334
    """
    n, m = len(clicked), len(unclicked)
    if min(n, m) < _LEAST_GROUP:
        return RankingCheck()
    above = _wins(clicked, unclicked) / m
    below = 1.0 - _wins(unclicked, clicked) / n
    variance = above.var(ddof=1) / n + below.var(ddof=1) / m
    return RankingCheck(
        float(above.mean()), 1.0 / max(float(variance), _LEAST_VARIANCE)
    )


def _wins(
    scores: NDArray[np.floating], others: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Return how many of the others each score is above; a tie is half a win."""
    ordered = np.sort(others)
    left = np.searchsorted(ordered, scores, "left")
    wins: NDArray[np.float64] = (left + np.searchsorted(ordered, scores, "right")) / 2.0
    return wins


# -- Calibration: a shift of the critic's logits --------------------------------------
#
# A critic over-predicts the designs that it chose (the winner's curse: of many
# estimates the highest is more likely too high than too low). The ranking of a pool
# does not feel a common shift, but whoever reads a score does. So each batch of served
# impressions is predicted before it is learnt from, and the shift that would have been
# right is kept.
#
# Source of the form, with the slope fixed at one: Platt 1999, "Probabilistic Outputs
# for Support Vector Machines".

KEPT_EXAMPLES = 15_000.0
"""Impressions that the sums remember: some five hundred clicks. The curse grows while
the pick gets better, so a longer memory lags behind it."""

_PRIOR_CLICKS, _PRIOR_SHARE = 200.0, 0.93
"""Of so many predicted clicks this share is believed to come, before any came: in the
worlds that a critic was developed on the curse took 5 to 9 per cent at every number of
impressions. Two hundred clicks alone would be off by 7 per cent by chance."""


@dataclass(frozen=True)
class Calibration:
    """Sums over served impressions, older ones fading."""

    n: float = 0.0
    predicted: float = 0.0
    clicked: float = 0.0

    def after(
        self, chance: NDArray[np.floating], clicked: NDArray[np.floating]
    ) -> "Calibration":
        """Return the sums after a batch.

        Args:
            chance: [n], click probability before any shift, predicted before the batch
                was learnt from.
            clicked: [n], 0 or 1.
        """
        keep = max(0.0, 1.0 - len(chance) / KEPT_EXAMPLES)
        return Calibration(
            keep * self.n + len(chance),
            keep * self.predicted + float(np.sum(chance)),
            keep * self.clicked + float(np.sum(clicked)),
        )

    def corrected(self, change: NDArray[np.floating]) -> "Calibration":
        """Return the sums after labels of past impressions changed.

        Args:
            change: [n], the label that holds less the one that was learnt.
        """
        clicked = max(self.clicked + float(np.sum(change)), 0.0)
        return Calibration(self.n, self.predicted, clicked)

    @property
    def shift(self) -> float:
        """What is added to every click logit."""
        if self.n <= 0.0 or self.predicted <= 0.0:
            return 0.0
        expected = self.predicted + _PRIOR_CLICKS
        seen = self.clicked + _PRIOR_SHARE * _PRIOR_CLICKS
        n = self.n + _PRIOR_CLICKS * self.n / self.predicted
        return _logit(seen / n) - _logit(expected / n)


def _logit(chance: float) -> float:
    safe = min(max(chance, 1e-6), 1.0 - 1e-6)
    return float(np.log(safe / (1.0 - safe)))


# -- Evidence: do designs matter here at all? -----------------------------------------
#
# Two accounts of the same clicks are compared: that looks have weights, half as
# variable as the untaught prior expects, and that they have none but the prior's means.
# Both leave the context free. A critic's sums are a Gaussian likelihood, so what each
# account said of the clicks beforehand has a closed form (MacKay 1992, "Bayesian
# Interpolation", section 3.2), and the ratio is the Bayes factor (Kass, Raftery 1995,
# "Bayes Factors").
#
# Half as variable, because an effect that is small but real must not pass for none.

STRONG = 3.0
"""Log odds of about 20 to 1: strong evidence (Kass, Raftery 1995, 3.2)."""

_VARIED = 0.5
"""Of the untaught prior's variance."""


def is_followed(
    critic: ClickCritic, ranking: RankingCheck, *, was_followed: bool
) -> bool:
    """Return whether what was learnt about designs is to be acted on.

    It is left aside on strong evidence that designs do not matter, unless the critic
    was better than chance; and taken up again once it was, or the evidence has turned.

    Args:
        critic: all that was learnt.
        ranking: how well it knew what it had not seen.
        was_followed: the answer so far.
    """
    least = -STRONG if was_followed else 0.0
    return ranking.is_above_chance or log_evidence(critic) > least


def indifferent(critic: ClickCritic) -> ClickCritic:
    """Return a critic that knows no design, and the context as well as this one."""
    return critic.without(np.arange(critic.layout.n_looks))


def log_evidence(critic: ClickCritic) -> float:
    """Return the log Bayes factor that looks have weights; 0 before any feedback."""
    layout = critic.layout
    n_pairs = layout.n_looks * layout.n_who
    untaught = Prior.untaught(layout)
    variance = untaught.variances(layout)
    variance[:n_pairs] *= _VARIED
    pulled = critic.eta - critic.precision @ untaught.mean(layout)
    context = np.arange(n_pairs, layout.n_weights)
    every = np.arange(layout.n_weights)
    deviation = np.sqrt(variance)
    information = deviation[:, None] * critic.precision * deviation
    scaled = deviation * pulled
    with_looks, without = (
        _log_marginal(information[np.ix_(kept, kept)], scaled[kept])
        for kept in (every, context)
    )
    return with_looks - without


def _log_marginal(information: Vector, pulled: Vector) -> float:
    """Return log of the integral of N(u; 0, 1) exp(pulled u - u information u / 2).

    With the pull as one more row, Cholesky's factor has the square root of
    pulled (1 + information)^-1 pulled in its last row: nothing is left to solve.
    """
    n = len(pulled)
    bordered = np.empty((n + 1, n + 1))
    bordered[:n, :n] = np.eye(n) + information
    bordered[n, :n] = bordered[:n, n] = pulled
    bordered[n, n] = 1.0 + pulled @ pulled  # enough to be positive definite
    lower = np.linalg.cholesky(bordered)
    moved = lower[n, :n]
    return float(0.5 * moved @ moved - np.log(np.diag(lower)[:n]).sum())
