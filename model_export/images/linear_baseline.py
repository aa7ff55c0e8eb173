"""Photographs -> pictures drawn from Gaussians: the least an image generator must beat.

A Gaussian over the photographs' first 64 principal components, once for all classes
together and once for each class: same axes, its own mean and covariance.
"""

from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

N_COMPONENTS: Final = 64
RIDGE: Final = 1e-3
"""Share of the mean variance added to a class's: it may have few photographs."""

Pictures = NDArray[np.float32]
"""[n, C, S, S] in [-1, 1]"""
Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


class PrincipalComponents(NamedTuple):
    """A linear model of photographs."""

    mean: Floats
    """[C * S * S]"""
    axes: Floats
    """[k, C * S * S]"""
    scores: Floats
    """[n, k]: the photographs it was fitted to."""
    shape: tuple[int, ...]
    """(C, S, S)"""

    @classmethod
    def fitted(cls, real: Pictures, rng: np.random.Generator) -> Self:
        """Fit the first 64 components."""
        flat = real.reshape(len(real), -1)
        mean = flat.mean(0)
        axes = _principal_axes(flat - mean, rng)
        return cls(mean, axes, (flat - mean) @ axes.T, real.shape[1:])

    def drawn(self, n: int, rng: np.random.Generator) -> Pictures:
        """Draw n pictures of any class."""
        return self._pictures(_gaussian(self.scores, n, rng))

    def drawn_of(
        self, categories: Integers, wanted: Integers, rng: np.random.Generator
    ) -> Pictures:
        """Draw one picture of each wanted class.

        Args:
            categories: [n], of the photographs it was fitted to.
            wanted: [m]; every one occurs in `categories`.
            rng: draws.
        """
        scores = np.empty((len(wanted), len(self.axes)), np.float32)
        for category in np.unique(wanted):
            rows = wanted == category
            own = self.scores[categories == category]
            scores[rows] = _gaussian(own, int(rows.sum()), rng)
        return self._pictures(scores)

    def _pictures(self, scores: Floats) -> Pictures:
        flat = (self.mean + scores @ self.axes).clip(-1, 1).astype(np.float32)
        return flat.reshape(len(scores), *self.shape)


def _gaussian(scores: Floats, n: int, rng: np.random.Generator) -> Floats:
    covariance = np.atleast_2d(np.cov(scores.T))
    ridge = RIDGE * np.trace(covariance) / len(covariance)
    root = np.linalg.cholesky(covariance + ridge * np.eye(len(covariance)))
    noise = rng.standard_normal((n, len(root)))
    return np.asarray(scores.mean(0) + noise @ root.T, dtype=np.float32)


def _principal_axes(centred: Floats, rng: np.random.Generator) -> Floats:
    """Return the first 64 principal axes, by a randomised range finder.

    Halko, Martinsson, Tropp 2011, "Finding Structure with Randomness", algorithm 4.4:
    seconds where the full decomposition of 3,000 pictures takes minutes.
    """
    n_probes = min(N_COMPONENTS + 16, *centred.shape)
    probes = rng.standard_normal((centred.shape[1], n_probes)).astype(np.float32)
    basis, _ = np.linalg.qr(centred @ probes)
    for _ in range(3):
        basis, _ = np.linalg.qr(centred @ (centred.T @ basis))
    _, _, axes = np.linalg.svd(basis.T @ centred, full_matrices=False)
    return np.asarray(axes[:N_COMPONENTS])
