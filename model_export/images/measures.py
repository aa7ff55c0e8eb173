"""Pictures -> how alike two sets are, and what a picture shows. No trained network.

`features` are what pictures are compared by; `frechet_distance`, the 1-NN accuracy and
`ClassReader` look at them, `sliced_wasserstein` at the pixels.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

Pictures = NDArray[np.float32]
"""[n, C, S, S] in [-1, 1]"""
Features = NDArray[np.float32]
"""[n, d]"""
Integers = NDArray[np.int64]

N_ORIENTATIONS: Final = 8
CELL_PX: Final = {28: 4, 64: 8}
GRID: Final = 4
LEAST_LENGTH: Final = 0.1
"""Summed gradient of a cell below which it counts as plain, in grey levels of 1."""

PATCH: Final = 7
N_PATCHES: Final = 64
"""Of each picture and level."""
N_DIRECTIONS: Final = 128
COARSEST_PX: Final = 14
"""Side of the smallest level of the pyramid."""

PENALTY: Final = 1e-3
N_STEPS: Final = 300


def features(pictures: Pictures) -> Features:
    """Return edges and colour side by side: [n, 608] at 64 x 64 x 3, [n, 424] at 28.

    Edges: histograms of oriented gradients (Dalal, Triggs 2005, "Histograms of Oriented
    Gradients for Human Detection"). Pixels lie in [0, 1] and channels are averaged;
    central differences give length and direction of the gradient; 8 unsigned
    orientations, each pixel voting for its two nearest by its length; cells of 8 x 8
    pixels at 64 and 4 x 4 at 28. Each cell is divided by its length + 0.1, so a cell's
    histogram has length below 1, and by the number of cells in a row, so a picture's
    has. No blocks overlap.

    Colour: mean and standard deviation of each channel in a grid of 4 x 4, divided by 4
    for the same reason.
    """
    unit: Pictures = ((pictures + 1) / 2).astype(np.float32)
    return np.concatenate([_edges(unit), _colours(unit)], 1)


def _edges(unit: Pictures) -> Features:
    grey = unit.mean(1)  # (n, S, S)
    n, side, _ = grey.shape
    down, across = np.gradient(grey, axis=(1, 2))
    length = np.hypot(across, down)
    # In units of an orientation; its centre is at the whole number.
    turn = np.mod(np.arctan2(down, across), np.pi) / np.pi * N_ORIENTATIONS - 0.5
    lower = np.floor(turn)
    upper_votes = (turn - lower) * length
    lower = lower.astype(np.int64)
    cells = _histograms(lower, length - upper_votes)
    cells += _histograms(lower + 1, upper_votes)
    longest = np.linalg.norm(cells, axis=-1, keepdims=True) + LEAST_LENGTH
    k = side // CELL_PX[side]
    return np.asarray((cells / longest / k).reshape(n, -1), np.float32)


def _histograms(
    orientation: NDArray[np.int64], votes: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Sum votes [n, S, S] by cell and orientation (of any turn): [n, k * k, 8]."""
    n, side, _ = votes.shape
    row = np.arange(side) // CELL_PX[side]
    k = side // CELL_PX[side]
    cell = row[:, None] * k + row  # (S, S)
    place = np.arange(n)[:, None, None] * k * k + cell
    slot = place * N_ORIENTATIONS + orientation % N_ORIENTATIONS
    sums = np.bincount(slot.ravel(), votes.ravel(), n * k * k * N_ORIENTATIONS)
    return np.asarray(sums.reshape(n, k * k, N_ORIENTATIONS), np.float64)


def _colours(unit: Pictures) -> Features:
    n, channels, side, _ = unit.shape
    step = side // GRID
    blocks = unit.reshape(n, channels, GRID, step, GRID, step)
    means = blocks.mean((3, 5)).reshape(n, -1)
    deviations = blocks.std((3, 5)).reshape(n, -1)
    return np.asarray(np.concatenate([means, deviations], 1) / GRID, np.float32)


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


@dataclass(frozen=True)
class ClassReader:
    """A linear classifier of features that names what it is shown.

    Multinomial logistic regression with a small L2 penalty, by accelerated gradient
    descent (Nesterov 1983).
    """

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


def sliced_wasserstein(
    left: Pictures, right: Pictures, rng: np.random.Generator
) -> float:
    """Return the mean distance of patches over a pyramid, in deviations of the left.

    Small patches at several resolutions (Karras, Aila, Laine, Lehtinen 2018,
    "Progressive Growing of GANs", section 5): it sees texture and colour at every
    scale and shares nothing with `features`.

    Args:
        left: photographs [n, C, S, S].
        right: what is compared with them, of the same shape.
        rng: draws patches and directions.

    Raises:
        ValueError: the sets differ in shape.
    """
    if left.shape != right.shape:
        raise ValueError(
            f"expected two sets of one shape, got {left.shape} and {right.shape}"
        )
    distances = []
    while True:
        side = left.shape[-1]
        is_last = side // 2 < COARSEST_PX
        # All but the last level hold only the detail that the next one lacks.
        details = [
            level if is_last else level - _double(_halve(level))
            for level in (left, right)
        ]
        distances.append(_patch_distance(details[0], details[1], rng))
        if is_last:
            return float(np.mean(distances))
        left, right = _halve(left), _halve(right)


def _patch_distance(left: Pictures, right: Pictures, rng: np.random.Generator) -> float:
    first, second = _patches(left, rng), _patches(right, rng)
    centre, spread = first.mean(0), first.std() + 1e-6
    directions = rng.standard_normal((first.shape[1], N_DIRECTIONS)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=0)
    projected = [
        np.sort((each - centre) / spread @ directions, axis=0)
        for each in (first, second)
    ]
    return float(np.abs(projected[0] - projected[1]).mean())


def _patches(pictures: Pictures, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return random patches [n * N_PATCHES, C * 7 * 7]."""
    n, _, side, _ = pictures.shape
    windows = np.lib.stride_tricks.sliding_window_view(
        pictures, (PATCH, PATCH), axis=(2, 3)
    )  # (n, C, S - 6, S - 6, 7, 7)
    picture = np.repeat(np.arange(n), N_PATCHES)
    top, left = rng.integers(side - PATCH + 1, size=(2, len(picture)))
    return windows[picture, :, top, left].reshape(len(picture), -1)


def _halve(pictures: Pictures) -> Pictures:
    """Return the mean of each 2 x 2 block."""
    n, channels, side, _ = pictures.shape
    blocks = pictures.reshape(n, channels, side // 2, 2, side // 2, 2)
    return np.asarray(blocks.mean((3, 5)), dtype=np.float32)


def _double(pictures: Pictures) -> Pictures:
    return pictures.repeat(2, axis=2).repeat(2, axis=3)
