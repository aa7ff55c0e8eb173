"""A generator's pictures, photographs it has not seen -> how good the pictures are.

Four questions, each answered in the same run for two linear baselines and for the
photographs themselves: is the distribution right (Frechet distance over `features`, and
the sliced Wasserstein distance of patches, which shares nothing with them); can a
picture be told from a photograph (1-NN accuracy); is it of the class that was asked
for; is it more than a copy of a photograph it was taught.
"""

from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from model_export.images.dataset import Photographs
from model_export.images.measures import (
    ClassReader,
    features,
    frechet_distance,
    nearest_distance,
    nearest_neighbour_accuracy,
    sliced_wasserstein,
)

Pictures = NDArray[np.float32]
"""[n, C, S, S] in [-1, 1]"""
Integers = NDArray[np.int64]
N_COMPONENTS: Final = 64
RIDGE: Final = 1e-3
"""Share of the mean variance added to a class's: it may have few photographs."""


Floats = NDArray[np.float32]


class Judged(NamedTuple):
    """What is said of one set of pictures, beside the held-out photographs."""

    frechet: float
    """Frechet distance over edges and colour; smaller is nearer."""
    neighbours: float
    """Accuracy of 1-NN in telling them apart; 0.5 is ideal, 1 is worst."""
    recognised: float
    """Share that a linear classifier, taught on photographs, reads as its class."""
    novelty: float
    """Median distance to the nearest photograph of the training, mirrored ones too, by
    that of held-out photographs: far below 1 means copies."""
    patches: float
    """Sliced Wasserstein distance of patches; smaller is nearer."""


class References(NamedTuple):
    """What a generator's pictures are compared with, judged alike."""

    linear: Judged
    """A Gaussian over 64 principal components; its class is drawn by chance."""
    linear_by_class: Judged
    """The same, one Gaussian a class."""
    photographs: Judged
    """Photographs of the training: what noise makes of perfect pictures. Recognition
    and novelty are the held-out photographs' own."""


class Judge:
    """Photographs to teach with and others to compare with, read once."""

    def __init__(self, taught: Photographs, held_out: Photographs) -> None:
        self._taught = taught
        self._known = taught.floats()
        self._known_features = np.concatenate(
            [
                features(self._known),
                features(np.ascontiguousarray(self._known[..., ::-1])),
            ]
        )
        self._real = held_out.floats()
        self._real_features = features(self._real)
        self._reader = ClassReader.fitted(
            self._known_features, np.tile(taught.categories, 2), len(taught.names)
        )
        self._own_distance = nearest_distance(self._real_features, self._known_features)
        self.wanted: Integers = held_out.categories
        """[n]: the classes that judged pictures must show, in this order."""

    def judged(self, pictures: Pictures, seed: int) -> Judged:
        """Judge one picture of each wanted class.

        Args:
            pictures: [n, C, S, S] in [-1, 1].
            seed: of the patches.
        """
        found = features(pictures)
        distance = nearest_distance(found, self._known_features)
        return Judged(
            frechet=frechet_distance(found, self._real_features),
            neighbours=nearest_neighbour_accuracy(found, self._real_features),
            recognised=self._reader.accuracy(found, self.wanted),
            novelty=distance / self._own_distance,
            patches=sliced_wasserstein(
                self._real, pictures, np.random.default_rng(seed)
            ),
        )

    def references(self, seed: int) -> References:
        """Judge the baselines, and photographs of the training.

        Args:
            seed: of the baselines, the sample of photographs and the patches.
        """
        rng = np.random.default_rng(seed)
        n = len(self.wanted)
        linear = PrincipalComponents.fitted(self._known, rng)
        by_class = linear.drawn_of(self._taught.categories, self.wanted, rng)
        sample = self.judged(self._known[rng.permutation(len(self._known))[:n]], seed)
        return References(
            linear=self.judged(linear.drawn(n, rng), seed),
            linear_by_class=self.judged(by_class, seed),
            photographs=sample._replace(
                recognised=self._reader.accuracy(self._real_features, self.wanted),
                novelty=1.0,
            ),
        )


class PrincipalComponents(NamedTuple):
    """A linear model of photographs: the least an image generator must beat.

    A Gaussian over their first 64 principal components, once for all classes together
    and once for each class: same axes, its own mean and covariance.
    """

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
