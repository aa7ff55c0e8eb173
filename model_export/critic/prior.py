"""How much each kind of weight may matter, learnt from all weights together.

The prior variance of a weight is exp(level[kind] + spread[kind, group] + shared[group]
+ relevance[taste]): attributes matter unequally, and so do the dimensions of taste.
What is shared is for tastes and surfaces: an attribute that one person likes
differently from the next is likely to do differently from place to place too.
Empirical Bayes moves these few numbers up the evidence (MacKay 1992, "Bayesian
Interpolation", section 4.3), held by log-normal hyper-priors: with the plain fixed
point a group that has shown nothing yet dies and never comes back.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model_export.critic.layout import Layout

Vector = NDArray[np.float64]

MAIN_DEVIATION = 0.03
INTERACTION_DEVIATION = 0.035
"""Prior standard deviations of log-odds before anything is learnt. Small: in published
creative tests the best design earns one to two times the average one, and with eight
attributes of ten values these make it about twice, of a person's own three times."""

SQUARE_MEAN = -0.04
"""Prior mean of a square's weight: an end of the range costs 4 clicks in 100."""

_CONTEXT_DEVIATION = 0.3
_INTERCEPT_DEVIATION = 2.0
_LEVEL_WIDTH, _SPREAD_WIDTH, _SHARED_WIDTH, _RELEVANCE_WIDTH = 0.4, 1.2, 1.2, 0.5
"""Deviations of the hyper-priors on log variance. Narrow ones for what all weights of a
kind have in common: wide ones follow the noise of the first clicks."""
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
    """[3, groups]: of the looks that `Layout.group_of_look` puts together."""
    shared: Vector
    """[groups]: by taste and surface weights."""
    relevance: Vector
    """[k]."""
    square_mean: float = SQUARE_MEAN
    """Never learnt: a range has one square an attribute."""

    @classmethod
    def untaught(
        cls,
        layout: Layout,
        main: float = MAIN_DEVIATION,
        interaction: float = INTERACTION_DEVIATION,
        square_mean: float = SQUARE_MEAN,
    ) -> "Prior":
        """Return the prior that all attributes and tastes share.

        Args:
            layout: of the weights.
            main: deviation of a weight for everybody.
            interaction: deviation of a weight for a taste or a surface.
            square_mean: mean of a square's weight for everybody.
        """
        return cls(
            level=2.0 * np.log([main, interaction, interaction]),
            spread=np.zeros((3, layout.n_groups)),
            shared=np.zeros(layout.n_groups),
            relevance=np.zeros(layout.n_tastes),
            square_mean=square_mean,
        )

    def variances(self, layout: Layout) -> Vector:
        """Return the prior variance of each weight: [P]."""
        context = np.full(layout.n_features, _CONTEXT_DEVIATION**2)
        pairs = self._pairs(layout).ravel()
        return np.concatenate([pairs, context, [_INTERCEPT_DEVIATION**2]])

    def mean(self, layout: Layout) -> Vector:
        """Return the prior mean of each weight: [P]."""
        mean = np.zeros(layout.n_weights)
        squares = slice(layout.n_looks - layout.n_continuous, layout.n_looks)
        n_pairs = layout.n_looks * layout.n_who
        mean[:n_pairs].reshape(layout.n_looks, -1)[squares, 0] = self.square_mean
        return mean

    def revised(self, layout: Layout, moved: Vector, variance: Vector) -> "Prior":
        """Return the prior after one step up the evidence.

        Args:
            layout: of the weights.
            moved: posterior mean of each weight minus its prior mean, [P].
            variance: posterior variance of each weight, [P].
        """
        shape = (layout.n_looks, layout.n_who)
        n_pairs = layout.n_looks * layout.n_who
        prior = self._pairs(layout)
        size = moved[:n_pairs].reshape(shape) ** 2 / prior
        known = 1.0 - variance[:n_pairs].reshape(shape) / prior
        kinds = _kinds(layout)
        kind = kinds == np.arange(3)[:, None]  # (3, W)
        member = layout.group_of_look == np.arange(layout.n_groups)[:, None]
        sums = [member @ size, member @ known]  # (groups, W) each
        by_kind = [one @ kind.T for one in sums]  # (groups, 3) each
        start = Prior.untaught(layout).level
        level = _step([one.sum(0) for one in by_kind], self.level - start, _LEVEL_WIDTH)
        spread = _step([one.T for one in by_kind], self.spread, _SPREAD_WIDTH)
        shared = _step(
            [one[:, 1:].sum(1) for one in by_kind], self.shared, _SHARED_WIDTH
        )
        relevance = _step(
            [one[:, kind[TASTE]].sum(0) for one in sums],
            self.relevance,
            _RELEVANCE_WIDTH,
        )
        return replace(
            self,
            level=self.level + level,
            spread=self.spread + spread,
            shared=self.shared + shared,
            relevance=self.relevance + relevance,
        )

    def _pairs(self, layout: Layout) -> Vector:
        """Return the prior variance of each look x who: [F, W]."""
        kinds = _kinds(layout)
        group = layout.group_of_look
        logs = self.level[kinds] + self.spread[kinds][:, group].T
        logs[:, kinds != MAIN] += self.shared[group, None]
        logs[:, kinds == TASTE] += self.relevance
        variances: Vector = np.clip(np.exp(logs), _LEAST, _MOST)
        return variances


def _kinds(layout: Layout) -> NDArray[np.intp]:
    """Return the kind of each column of who: [W]."""
    return np.repeat([MAIN, TASTE, SURFACE], [1, layout.n_tastes, layout.n_surfaces])


def _step(both: list[Vector], offset: Vector, width: float) -> Vector:
    """Return bounded Newton-like steps of groups' log variances.

    The evidence has the slope 1/2 (sum mu^2 / v - gamma); its curvature is bounded
    from below by quarters of the same sums.

    Args:
        both: of each group, the sum of mu^2 / v, and gamma: how many of its weights
            the clicks determine.
        offset: from the hyper-prior's mean.
        width: of the hyper-prior.
    """
    size, known = both
    slope = 0.5 * (size - known) - offset / width**2
    curvature = 0.25 * np.maximum(known, size) + 0.25 * known + 1.0 / width**2
    step: Vector = np.clip(slope / curvature, -_LONGEST_STEP, _LONGEST_STEP)
    return step
