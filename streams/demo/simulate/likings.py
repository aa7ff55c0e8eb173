"""A seed -> what design values are worth to a taste: the truth that ads search for.

Values of any creative space get an effect: it is drawn from the seed and the value's
own name. Part of it is the same for everybody.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from model_export.space.design_space import DesignSpace
from streams.columns.ids import derived_seed

Floats = NDArray[np.float64]

_CURVATURE = 4.0
"""Worth lost at the far end of a continuous attribute."""


@dataclass(frozen=True)
class Likings:
    """Worth of designs, before any scale; higher is better liked."""

    seed: int
    n_tastes: int
    common_share: float
    """Part of an effect, as variance, that is the same for everybody."""

    def worth(self, attribute: str, value: str, tastes: Floats) -> Floats:
        """Return what a value is worth to tastes [..., n_tastes]: [...]."""
        common, loadings = _effect(self.seed, attribute, value, self.n_tastes)
        personal = tastes @ loadings / sqrt(self.n_tastes)
        worth: Floats = (
            sqrt(self.common_share) * common + sqrt(1 - self.common_share) * personal
        )
        return worth

    def optimum(self, attribute: str, tastes: Floats) -> Floats:
        """Return where in [0, 1] tastes [..., n_tastes] like it best: [...]."""
        common, loadings = _effect(self.seed, attribute, "optimum", self.n_tastes)
        shift = 0.12 * common + 0.15 * (tastes @ loadings)
        best: Floats = np.clip(0.5 + shift, 0.05, 0.95)
        return best

    def distance_cost(self, attribute: str, at: float, tastes: Floats) -> Floats:
        """Return what a continuous value at [0, 1] is worth to tastes, at most 0."""
        cost: Floats = -_CURVATURE * (at - self.optimum(attribute, tastes)) ** 2
        return cost

    def values(self, space: DesignSpace, tastes: Floats) -> Floats:
        """Return the worth of every value of a space to tastes [n, ...]: [n, NV]."""
        return np.stack(
            [
                self.worth(attribute, value, tastes)
                for attribute, values in space.categorical.items()
                for value in values
            ],
            1,
        )

    def optima(self, space: DesignSpace, tastes: Floats) -> Floats:
        """Return the best place of each continuous attribute: [n, NC]."""
        return np.stack([self.optimum(name, tastes) for name in space.continuous], 1)

    def total(self, space: DesignSpace, vectors: Floats, tastes: Floats) -> Floats:
        """Return the worth of design i to taste i: [n].

        Args:
            space: creative space of the designs.
            vectors: [n, D].
            tastes: [n, n_tastes].
        """
        chosen = (vectors[:, : space.n_logits] * self.values(space, tastes)).sum(1)
        away = vectors[:, space.n_logits :] - self.optima(space, tastes)
        total: Floats = chosen - _CURVATURE * (away**2).sum(1)
        return total

    def best(self, space: DesignSpace, tastes: Floats) -> Floats:
        """Return the design that each taste likes best, hard rules aside: [n, D]."""
        values = self.values(space, tastes)
        best = np.zeros((len(tastes), space.size))
        for attribute in space.categorical:
            block = space.slices[attribute]
            column = values[:, block].argmax(1) + block.start
            best[np.arange(len(tastes)), column] = 1.0
        best[:, space.n_logits :] = self.optima(space, tastes)
        return best


@lru_cache(maxsize=4_096)
def _effect(
    seed: int, attribute: str, value: str, n_tastes: int
) -> tuple[float, Floats]:
    """Return (worth to everybody, worth per taste [n_tastes]) of an attribute value.

    Attributes matter unequally: each has a weight of its own.
    """
    weight = np.random.default_rng(derived_seed("attribute", seed, attribute))
    importance = float(np.exp(0.5 * weight.normal()))
    rng = np.random.default_rng(derived_seed("value", seed, attribute, value))
    return importance * float(rng.normal()), importance * rng.normal(size=n_tastes)
