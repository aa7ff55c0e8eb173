"""Features of labelled photographs -> a linear classifier that names what it is shown.

Multinomial logistic regression with a small L2 penalty, by accelerated gradient descent
(Nesterov 1983): no other trained network decides whether a drawn hat is a hat.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32]
Integers = NDArray[np.int64]

PENALTY: Final = 1e-3
N_STEPS: Final = 300


@dataclass(frozen=True)
class ClassReader:
    """Standardisation and weights of the classifier."""

    mean: Features
    """[d]"""
    scale: Features
    """[d]"""
    weights: Features
    """[d + 1, classes]; the last row is the bias."""

    @classmethod
    def fitted(cls, vectors: Features, categories: Integers, n_classes: int) -> Self:
        """Learn from features [n, d] and categories [n]."""
        mean, scale = vectors.mean(0), vectors.std(0) + np.float32(1e-4)
        inputs = _with_one((vectors - mean) / scale)  # (n, d + 1)
        wanted = np.eye(n_classes, dtype=np.float32)[categories]  # (n, classes)
        # The loss's curvature is at most half the largest eigenvalue of X'X / n.
        curvature = np.linalg.norm(inputs, 2) ** 2 / len(inputs) / 2 + PENALTY
        weights = np.zeros((inputs.shape[1], n_classes), np.float32)
        ahead = weights
        for step in range(N_STEPS):
            error = _probabilities(inputs @ ahead) - wanted
            slope = inputs.T @ error / len(inputs) + PENALTY * ahead
            following = ahead - slope / curvature
            ahead = following + step / (step + 3) * (following - weights)
            weights = following
        return cls(mean, scale, weights.astype(np.float32))

    def accuracy(self, vectors: Features, categories: Integers) -> float:
        """Return the share of features [n, d] that are read as their category."""
        inputs = _with_one((vectors - self.mean) / self.scale)
        return float(((inputs @ self.weights).argmax(1) == categories).mean())


def _with_one(vectors: Features) -> Features:
    return np.concatenate([vectors, np.ones((len(vectors), 1), np.float32)], 1)


def _probabilities(logits: Features) -> Features:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))
