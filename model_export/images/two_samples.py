"""Two sets of feature vectors -> how alike they are."""

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32]
"""[n, d]"""


def frechet_distance(left: Features, right: Features) -> float:
    """Return |m - m'|^2 + tr(C + C' - 2 (C C')^(1/2)) of two Gaussian fits.

    Source: Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule Converge
    to a Local Nash Equilibrium", equation 6; there over Inception's features. It is
    biased upwards in small samples: compare only figures of equal sample sizes.
    """
    shift = left.mean(0, dtype=np.float64) - right.mean(0, dtype=np.float64)
    first, second = (np.cov(each.T.astype(np.float64)) for each in (left, right))
    # The eigenvalues of C C' are those of the symmetric C^(1/2) C' C^(1/2).
    values, vectors = np.linalg.eigh(first)
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T
    common = np.sqrt(np.linalg.eigvalsh(root @ second @ root).clip(0)).sum()
    distance = shift @ shift + np.trace(first) + np.trace(second) - 2 * common
    return max(0.0, float(distance))


def nearest_neighbour_accuracy(left: Features, right: Features) -> float:
    """Return how often a vector's nearest neighbour is of its own set, left one out.

    0.5: the sets cannot be told apart. Towards 1: they can. Below 0.5: one copies the
    other. Sources: Lopez-Paz, Oquab 2017, "Revisiting Classifier Two-Sample Tests"; Xu
    et al. 2018, "An empirical study on evaluation metrics of generative adversarial
    networks".

    Raises:
        ValueError: the sets differ in size, which moves the ideal from 0.5.
    """
    if left.shape != right.shape:
        raise ValueError(
            f"expected two sets of one shape, got {left.shape} and {right.shape}"
        )
    both = np.concatenate([left, right])
    squares = _squared_distances(both, both)
    np.fill_diagonal(squares, np.inf)
    is_left = np.arange(len(both)) < len(left)
    return float((is_left[squares.argmin(1)] == is_left).mean())


def nearest_distance(vectors: Features, known: Features) -> float:
    """Return the median distance of a vector to the nearest known one."""
    return float(np.median(np.sqrt(_squared_distances(vectors, known).min(1))))


def _squared_distances(left: Features, right: Features) -> Features:
    squares = (left**2).sum(1)[:, None] + (right**2).sum(1) - 2 * left @ right.T
    return np.asarray(squares.clip(0))
