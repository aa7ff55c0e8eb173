"""Design x person -> the click critic's regression: which weight is which."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from model_export.space.design_space import DesignSpace
from schemas.vocabulary import deployed

Floats = NDArray[np.float32]

N_HOUR = 2


@dataclass(frozen=True)
class Layout:
    """F looks x W of who; then the context; then the intercept: P weights.

    A *look* is a one-hot column, a continuous value scaled to [-1, 1], or its square:
    the square lets the best value lie inside the range. *Who* is a one (everybody),
    the tastes and the surfaces. The context is tastes, surfaces and hour: what makes
    somebody click whatever is shown.
    """

    sizes: tuple[int, ...]
    """Values of each categorical attribute."""
    n_continuous: int
    n_tastes: int
    n_surfaces: int = field(default_factory=lambda: len(deployed().surfaces))

    @classmethod
    def of(
        cls, space: DesignSpace, n_tastes: int, n_surfaces: int | None = None
    ) -> "Layout":
        """Return the layout for a creative space; None: the surfaces of the process."""
        sizes = tuple(len(values) for values in space.categorical.values())
        if n_surfaces is None:
            n_surfaces = len(deployed().surfaces)
        return cls(sizes, space.n_continuous, n_tastes, n_surfaces)

    @property
    def n_logits(self) -> int:
        """NV: one-hot columns."""
        return sum(self.sizes)

    @property
    def n_looks(self) -> int:
        """F = NV + 2 NC."""
        return self.n_logits + 2 * self.n_continuous

    @property
    def n_who(self) -> int:
        """W = 1 + tastes + surfaces."""
        return 1 + self.n_tastes + self.n_surfaces

    @property
    def n_features(self) -> int:
        """Person features: tastes, surfaces, hour."""
        return self.n_tastes + self.n_surfaces + N_HOUR

    @property
    def n_weights(self) -> int:
        """P."""
        return self.n_looks * self.n_who + self.n_features + 1

    @property
    def n_groups(self) -> int:
        """Groups of looks that matter alike."""
        return len(self.sizes) + 2 * self.n_continuous

    @property
    def group_of_look(self) -> NDArray[np.intp]:
        """Which group each look is in: [F].

        An attribute's values are one; a continuous value and its square are two, for a
        person who likes more of something need not like the middle.
        """
        n = len(self.sizes)
        continuous = n + np.arange(2 * self.n_continuous)
        return np.concatenate([np.repeat(np.arange(n), self.sizes), continuous])

    def looks(self, design: Floats) -> Floats:
        """Return float32[n, F] for designs float32[n, D]."""
        centred = 2.0 * design[:, self.n_logits :] - 1.0
        return np.concatenate([design[:, : self.n_logits], centred, centred**2], 1)

    def who(self, person: Floats) -> Floats:
        """Return float32[n, W] for person features float32[n, N]."""
        one = np.ones((len(person), 1), np.float32)
        return np.concatenate([one, person[:, : self.n_who - 1]], 1)

    def parts(self, weights: Floats) -> tuple[Floats, Floats]:
        """Return weights [P] as looks x who [F, W], and those of the context."""
        n_pairs = self.n_looks * self.n_who
        return weights[:n_pairs].reshape(self.n_looks, self.n_who), weights[n_pairs:]

    def rows(self, design: Floats, person: Floats) -> Floats:
        """Return the regression's inputs float32[n, P].

        Args:
            design: float32[n, D].
            person: float32[n, N].
        """
        n = len(design)
        pairs = self.looks(design)[:, :, None] * self.who(person)[:, None, :]
        one = np.ones((n, 1), np.float32)
        return np.concatenate([pairs.reshape(n, -1), person, one], 1)
