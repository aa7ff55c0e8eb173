"""Condition vectors -> the features that networks and critic see.

64 preferences are more than a few thousand clicks can support, so a frozen linear map
takes them to 8; surface and hour pass through. It is fitted without clicks.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from model_export.conditioning import CONDITION_SIZE, N_CATEGORIES, SURFACES

RANK = 8
"""Projected preferences."""

N_FEATURES = RANK + CONDITION_SIZE - N_CATEGORIES
"""8 projected preferences + 4 surfaces + 2 of the hour = 14."""

N_PERSON = RANK + len(SURFACES)
"""The first 12 features, which interact with the design: who, and where."""

_LEAST_SCALE = 1e-6


@dataclass(frozen=True)
class Projection:
    """Frozen affine map of the preferences.

    With p the preference part of a condition, a unit vector or zeros, the projected
    part is (p - mean * |p|^2) @ matrix: somebody without preferences lands on zero,
    where the average person is.
    """

    mean: NDArray[np.float32]
    """float32[64]."""
    matrix: NDArray[np.float32]
    """float32[64, 8]: orthonormal directions over one common scale."""
    origin: Literal["seeded", "pca"]

    def features(self, condition: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32[n, 14] for conditions float32[n, 70]."""
        preferences = condition[:, :N_CATEGORIES]
        length = (preferences * preferences).sum(1, keepdims=True)
        projected = (preferences - self.mean * length) @ self.matrix
        return np.concatenate([projected, condition[:, N_CATEGORIES:]], 1)


def seeded(condition: NDArray[np.float32], rng: np.random.Generator) -> Projection:
    """Return random orthonormal directions, centred and scaled on `condition`."""
    directions, _ = np.linalg.qr(rng.normal(size=(N_CATEGORIES, RANK)))
    return _scaled(condition, directions, "seeded")


def principal(condition: NDArray[np.float32]) -> Projection:
    """Return the eight principal components of people's preferences (PCA).

    The components share one scale: the weaker ones stay small, so a prior on weights
    trusts them less. Signs are fixed: the largest entry of each is positive.
    """
    preferences = _people(condition)
    centred = preferences - preferences.mean(0)
    _, _, rows = np.linalg.svd(centred, full_matrices=False)
    directions = np.zeros((N_CATEGORIES, RANK))
    kept = rows[:RANK].T
    signs = np.sign(kept[np.abs(kept).argmax(0), np.arange(kept.shape[1])])
    directions[:, : kept.shape[1]] = kept * signs
    return _scaled(condition, directions, "pca")


def _people(condition: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the preferences of the rows that have any; never none."""
    preferences = condition[:, :N_CATEGORIES].astype(np.float64)
    known = preferences.any(1)
    return preferences[known] if known.any() else preferences


def _scaled(
    condition: NDArray[np.float32],
    directions: NDArray[np.float64],
    origin: Literal["seeded", "pca"],
) -> Projection:
    preferences = _people(condition)
    mean = preferences.mean(0)
    projected = (preferences - mean) @ directions
    scale = max(float(np.sqrt((projected**2).mean())), _LEAST_SCALE)
    return Projection(
        mean.astype(np.float32), (directions / scale).astype(np.float32), origin
    )
