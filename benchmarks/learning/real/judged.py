"""Two policies on one log -> what each would have earned, and their difference.

The estimators are the product's (`model_export/jobs/off_policy.py`). A difference is
judged row by row, so that what both policies share cancels; its interval leaves out
the chance in what was learnt from.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.learning.real.logs import Log
from benchmarks.learning.real.policies import Chances, Learnt, Policy, learnt
from model_export.jobs.off_policy import (
    Estimate,
    doubly_robust,
    mean_estimate,
    snips,
)

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Candidate:
    """A policy on a log's rows, with a model of the rewards."""

    chances: Chances
    """[n, A]: of the policy."""
    expected: Chances
    """[n, A]: the model's reward of each action."""


@dataclass(frozen=True)
class Judged:
    """A policy beside another."""

    snips: Estimate
    doubly_robust: Estimate
    snips_gain: Estimate
    doubly_robust_gain: Estimate
    effective_n: float
    """(sum of weights)^2 / sum of squares: how many rows speak for the policy."""

    @property
    def is_clear(self) -> bool:
        """Return whether neither interval of the gain includes zero, on one side."""
        gains = (self.snips_gain, self.doubly_robust_gain)
        return all(gain.low > 0 for gain in gains) or all(
            gain.high < 0 for gain in gains
        )


def judged(log: Log, ours: Candidate, other: Candidate) -> Judged:
    """Return what a policy would have earned on a log, beside another."""
    weight = _weight(log, ours.chances)
    return Judged(
        snips=snips(weight, log.reward, log.people),
        doubly_robust=doubly_robust(
            weight,
            log.reward,
            _of(log, ours.expected),
            (ours.chances * ours.expected).sum(1),
            log.people,
        ),
        snips_gain=_gain(_snips_terms(log, ours), _snips_terms(log, other), log),
        doubly_robust_gain=_gain(
            _robust_terms(log, ours), _robust_terms(log, other), log
        ),
        effective_n=float(weight.sum() ** 2 / max((weight**2).sum(), 1e-12)),
    )


def cross_fitted(
    log: Log, policies: Mapping[str, Policy], folds: int = 5, *, shuffled: bool = False
) -> dict[str, Candidate]:
    """Return each policy on all rows, learnt on the folds that the row is not in.

    Args:
        log: to learn from and to judge by.
        policies: by name.
        folds: parts of the log.
        shuffled: learn from rewards of other rows: nothing may come of it.
    """
    rng = np.random.default_rng(17)
    fold = rng.permutation(len(log)) % folds
    shape = (len(log), len(log.actions))
    chances = {name: np.zeros(shape) for name in policies}
    expected = np.zeros(shape)
    for mask, taught in _taught(log, fold, rng, shuffled=shuffled):
        judge = log.rows(mask)
        expected[mask] = taught.expected(judge)
        for name, policy in policies.items():
            chances[name][mask] = policy(taught, judge)
    return {name: Candidate(each, expected) for name, each in chances.items()}


def _taught(
    log: Log, fold: NDArray[np.intp], rng: np.random.Generator, *, shuffled: bool
) -> Iterator[tuple[NDArray[np.bool_], Learnt]]:
    """Yield the rows of each fold and what the others teach."""
    for number in range(int(fold.max()) + 1):
        rest = log.rows(fold != number)
        if shuffled:
            rest.reward[:] = rng.permutation(rest.reward)
        yield fold == number, learnt(rest)


def _weight(log: Log, chances: Chances) -> Array:
    return _of(log, chances) / log.propensity


def _of(log: Log, every: Chances) -> Array:
    """Return the column of the logged action: [n]."""
    column: Array = every[np.arange(len(log)), log.action]
    return column


def _snips_terms(log: Log, candidate: Candidate) -> Array:
    """Return terms [n] whose mean is the SNIPS estimate, and spread its own."""
    weight = _weight(log, candidate.chances)
    total = max(float(weight.mean()), 1e-12)
    value = float((weight * log.reward).mean()) / total
    return value + weight * (log.reward - value) / total


def _robust_terms(log: Log, candidate: Candidate) -> Array:
    error = log.reward - _of(log, candidate.expected)
    expected: Array = (candidate.chances * candidate.expected).sum(1)
    return expected + _weight(log, candidate.chances) * error


def _gain(ours: Array, other: Array, log: Log) -> Estimate:
    return mean_estimate(ours - other, log.people)
