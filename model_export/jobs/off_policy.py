"""Logged rewards + importance weights -> what another policy would have earned.

Three estimators with 95 % intervals. A weight is the new policy's probability of the
logged action over the logging policy's. Sources: Horvitz, Thompson 1952 (IPS);
Swaminathan, Joachims 2015, "The Self-Normalized Estimator" (SNIPS); Dudik, Langford,
Li 2011, "Doubly Robust Policy Evaluation and Learning" (DR).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_Z = 1.959964
"""97.5 % point of the normal distribution."""

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Estimate:
    """A mean and its 95 % interval."""

    value: float
    low: float
    high: float
    n: int


def ips(
    weight: Array, reward: Array, clusters: Sequence[str] | None = None
) -> Estimate:
    """Return the inverse propensity estimate: mean of weight x reward. Unbiased.

    Args:
        weight: [n], new over logging probability.
        reward: [n].
        clusters: [n], rows of one person are not independent; None: all are.
    """
    return mean_estimate(weight * reward, clusters)


def snips(
    weight: Array, reward: Array, clusters: Sequence[str] | None = None
) -> Estimate:
    """Return the self-normalised estimate: weighted mean of the reward.

    Steadier than IPS, biased by O(1/n). The interval linearises the ratio (delta
    method). Arguments as for `ips`.
    """
    total = float(np.mean(weight)) if len(weight) else 0.0
    if total <= 0.0:
        return Estimate(0.0, -np.inf, np.inf, len(weight))
    value = float(np.mean(weight * reward)) / total
    around = mean_estimate(weight * (reward - value) / total, clusters)
    return Estimate(value, value + around.low, value + around.high, len(weight))


def doubly_robust(
    weight: Array,
    reward: Array,
    predicted: Array,
    expected: Array,
    clusters: Sequence[str] | None = None,
) -> Estimate:
    """Return the doubly robust estimate: right if the weights or the model are.

    Args:
        weight: [n], new over logging probability.
        reward: [n].
        predicted: [n], model's reward of the logged action.
        expected: [n], model's reward under the new policy.
        clusters: [n], person of each row; None: rows are independent.
    """
    return mean_estimate(expected + weight * (reward - predicted), clusters)


def mean_estimate(values: Array, clusters: Sequence[str] | None = None) -> Estimate:
    """Return the mean of [n] values with a normal interval, robust to clusters.

    The variance sums residuals within a cluster first (Liang, Zeger 1986). One cluster
    or none says nothing about it: the interval is then infinite.
    """
    n = len(values)
    if not n:
        return Estimate(0.0, -np.inf, np.inf, 0)
    value = float(np.mean(values))
    residuals = np.asarray(values, np.float64) - value
    if clusters is not None:
        _, group = np.unique(np.asarray(clusters), return_inverse=True)
        residuals = np.bincount(group, residuals).astype(np.float64)
    n_groups = len(residuals)
    if n_groups < 2:  # noqa: PLR2004  # a variance needs two
        return Estimate(value, -np.inf, np.inf, n)
    variance = float((residuals**2).sum()) * n_groups / (n_groups - 1)
    width = _Z * float(np.sqrt(variance)) / n
    return Estimate(value, value - width, value + width, n)
