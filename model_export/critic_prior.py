"""How much each kind of weight may matter, learnt from all weights together.

The prior variance of a weight is exp(level[kind] + spread[kind, attribute] +
relevance[taste]): attributes matter unequally, and so do the dimensions of taste.
Empirical Bayes moves these few numbers up the evidence (MacKay 1992, "Bayesian
Interpolation", section 4.3), held by log-normal hyper-priors: with the plain fixed
point a group that has shown nothing yet dies and never comes back.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_export.critic_layout import N_SURFACES, Layout

Vector = NDArray[np.float64]

MAIN_DEVIATION = 0.12
INTERACTION_DEVIATION = 0.06
"""Prior standard deviations of log-odds before anything is learnt."""

_CONTEXT_DEVIATION = 0.3
_INTERCEPT_DEVIATION = 2.0
_LEVEL_WIDTH, _SPREAD_WIDTH, _RELEVANCE_WIDTH = 1.0, 1.6, 1.0
"""Deviations of the hyper-priors on log variance."""
_LEAST, _MOST = 1e-7, 0.25
"""Bounds of a variance."""
_LONGEST_STEP = 1.0

MAIN, TASTE, SURFACE = 0, 1, 2


@dataclass(frozen=True)
class Prior:
    """Hyper-parameters of the prior variances."""

    level: Vector
    """[3]: log variance of a main, taste and surface weight."""
    spread: Vector
    """[3, attributes]."""
    relevance: Vector
    """[k]."""

    @classmethod
    def untaught(cls, layout: Layout) -> "Prior":
        """Return the prior that all attributes and tastes share."""
        return cls(
            level=_untaught_level(),
            spread=np.zeros((3, len(layout.sizes) + layout.n_continuous)),
            relevance=np.zeros(layout.n_tastes),
        )

    def variances(self, layout: Layout) -> Vector:
        """Return the prior variance of each weight: [P]."""
        context = np.full(layout.n_features, _CONTEXT_DEVIATION**2)
        pairs = self._pairs(layout).ravel()
        return np.concatenate([pairs, context, [_INTERCEPT_DEVIATION**2]])

    def revised(self, layout: Layout, mean: Vector, variance: Vector) -> "Prior":
        """Return the prior after one step up the evidence.

        Args:
            layout: of the weights.
            mean: posterior mean of each weight, [P].
            variance: posterior variance of each weight, [P].
        """
        shape = (layout.n_looks, layout.n_who)
        n_pairs = layout.n_looks * layout.n_who
        prior = self._pairs(layout)
        size = mean[:n_pairs].reshape(shape) ** 2 / prior
        known = 1.0 - variance[:n_pairs].reshape(shape) / prior
        kinds = _kinds(layout)
        attribute = layout.attribute_of_look
        level, spread = self.level.copy(), self.spread.copy()
        relevance = self.relevance.copy()
        for kind, start in enumerate(_untaught_level()):
            own = kinds == kind
            level[kind] += _step(
                size[:, own].sum(),
                known[:, own].sum(),
                self.level[kind] - start,
                _LEVEL_WIDTH,
            )
            for row in range(spread.shape[1]):
                looks = attribute == row
                spread[kind, row] += _step(
                    size[looks][:, own].sum(),
                    known[looks][:, own].sum(),
                    self.spread[kind, row],
                    _SPREAD_WIDTH,
                )
        for taste, column in enumerate(np.flatnonzero(kinds == TASTE)):
            relevance[taste] += _step(
                size[:, column].sum(),
                known[:, column].sum(),
                self.relevance[taste],
                _RELEVANCE_WIDTH,
            )
        return Prior(level, spread, relevance)

    def _pairs(self, layout: Layout) -> Vector:
        """Return the prior variance of each look x who: [F, W]."""
        kinds = _kinds(layout)
        logs = self.level[kinds] + self.spread[kinds][:, layout.attribute_of_look].T
        logs[:, kinds == TASTE] += self.relevance
        variances: Vector = np.clip(np.exp(logs), _LEAST, _MOST)
        return variances


def _untaught_level() -> Vector:
    deviations = [MAIN_DEVIATION, INTERACTION_DEVIATION, INTERACTION_DEVIATION]
    return 2.0 * np.log(deviations)


def _kinds(layout: Layout) -> NDArray[np.intp]:
    """Return the kind of each column of who: [W]."""
    return np.repeat([MAIN, TASTE, SURFACE], [1, layout.n_tastes, N_SURFACES])


def _step(size: float, known: float, offset: float, width: float) -> float:
    """Return a bounded Newton-like step of a group's log variance.

    The evidence has the slope 1/2 (sum mu^2 / v - gamma); its curvature is bounded
    from below by quarters of the same sums.

    Args:
        size: sum of mu^2 / v.
        known: gamma, how many of the weights the clicks determine.
        offset: from the hyper-prior's mean.
        width: of the hyper-prior.
    """
    slope = 0.5 * (size - known) - offset / width**2
    curvature = 0.25 * max(known, size) + 0.25 * known + 1.0 / width**2
    return float(np.clip(slope / curvature, -_LONGEST_STEP, _LONGEST_STEP))
