"""Click logits of a pool -> the probability with which each candidate is picked."""

import numpy as np
from numpy.typing import NDArray

TEMPERATURE = 0.01
"""Of the softmax over click probabilities: a hundredth is a clear difference."""

EXPLORATION = 0.05
"""Share of picks that are uniform, so that every propensity is at least this over K."""


def click_probability(score: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the expected click probability: [..., S] logits of draws -> [...]."""
    mean: NDArray[np.float64] = sigmoid(score).mean(-1)
    return mean


def pick_probabilities(
    score: NDArray[np.floating],
    allowed: NDArray[np.bool_] | None = None,
    temperature: float = TEMPERATURE,
    exploration: float = EXPLORATION,
) -> NDArray[np.float64]:
    """Return pick probabilities [n, K]: Thompson sampling, softened, with a floor.

    Each draw picks by softmax(click probability / temperature); the answer averages
    over draws and mixes in a uniform pick. Rows sum to one.

    Args:
        score: [n, K, S], click logits of candidates by draw.
        allowed: bool[n, K]; the others get zero. Every row needs one. None: all.
        temperature: of the softmax, in click probability.
        exploration: share of uniform picks.
    """
    if allowed is None:
        allowed = np.ones(score.shape[:2], bool)
    value = np.where(allowed[:, :, None], sigmoid(score) / temperature, -np.inf)
    weight = np.exp(value - value.max(1, keepdims=True))
    greedy = (weight / weight.sum(1, keepdims=True)).mean(2)
    uniform = allowed / allowed.sum(1, keepdims=True)
    mixed: NDArray[np.float64] = (1.0 - exploration) * greedy + exploration * uniform
    return mixed


def sigmoid(score: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the probability of each logit, of the same shape."""
    return 1.0 / (1.0 + np.exp(-score.astype(np.float64)))
