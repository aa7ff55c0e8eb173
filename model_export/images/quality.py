"""A generator's pictures, photographs it has not seen -> how good the pictures are.

Four questions, each answered in the same run for two linear baselines and for the
photographs themselves: is the distribution right (Frechet distance over the features of
`image_features`, and the sliced Wasserstein distance of `patch_distance`, which shares
nothing with them); can a picture be told from a photograph (1-NN accuracy); is it of
the class that was asked for; is it more than a copy of a photograph it was taught.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model_export.images.class_reader import ClassReader
from model_export.images.dataset import Photographs
from model_export.images.features import features
from model_export.images.linear_baseline import PrincipalComponents
from model_export.images.patch_distance import sliced_wasserstein
from model_export.images.two_samples import (
    frechet_distance,
    nearest_distance,
    nearest_neighbour_accuracy,
)

Pictures = NDArray[np.float32]
"""[n, C, S, S] in [-1, 1]"""
Integers = NDArray[np.int64]


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
