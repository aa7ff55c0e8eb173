"""Impressions + a Gaussian prior -> the mode and the information, kept up to date.

The mode is a function of the impressions and their labels, not of the order in which
they came: Newton's steps go on until they are small. What is kept from one call to the
next is the information matrix, whose weights p (1 - p) are those of the mode at the
time that a row was added; they are taken anew once they are off by `STALE`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_export.critic.layout import Layout
from model_export.critic.selector import BASE_LOGIT

Vector = NDArray[np.float64]
Floats = NDArray[np.float32]

STALE = 0.05
"""Share by which the weights in the information matrix may be off."""

_STEPS = 40
_HALVINGS = 12
_SMALL = 1e-7
"""Step of a weight at which the mode is found; posterior deviations are 0.01 to 0.1."""
_CHUNK = 2_048


@dataclass(frozen=True)
class CountedImpressions:
    """Impressions that count."""

    looks: Vector
    """[n, F]."""
    who: Vector
    """[n, W]."""
    person: Vector
    """[n, N]."""
    clicked: Vector
    """[n], 0 or 1."""
    share: Vector
    """[n]: of clicks, how many have come at this impression's age; 1 for a click."""

    @classmethod
    def of(
        cls,
        layout: Layout,
        design: Floats,
        person: Floats,
        clicked: Floats,
        share: Vector,
    ) -> "CountedImpressions":
        """Return rows for designs and person features."""
        return cls(
            layout.looks(design).astype(np.float64),
            layout.who(person).astype(np.float64),
            person.astype(np.float64),
            clicked.astype(np.float64),
            np.where(clicked > 0, 1.0, share),
        )

    def logits(self, weights: Vector) -> Vector:
        """Return click logits [n]."""
        size = self.looks.shape[1] * self.who.shape[1]
        pairs = weights[:size].reshape(self.looks.shape[1], -1)
        worth = ((self.looks @ pairs) * self.who).sum(1)
        return np.asarray(
            BASE_LOGIT + worth + self.person @ weights[size:-1] + weights[-1]
        )

    def likelihood(self, logit: Vector) -> float:
        """Return the log likelihood: a none has had its share of the time to click."""
        log_not = -np.logaddexp(0.0, logit)  # log (1 - p)
        waiting = np.log1p((1.0 - self.share) * np.exp(np.minimum(logit, 30.0)))
        none = log_not + waiting
        return float(np.where(self.clicked > 0, logit + log_not, none).sum())

    def residual(self, logit: Vector) -> Vector:
        """Return the derivative of the log likelihood by each logit: [n]."""
        chance = _sigmoid(logit)
        return np.where(self.clicked > 0, 1.0, self._still(chance)) - chance

    def weight(self, logit: Vector) -> Vector:
        """Return the information in each logit: [n], less what is still to come."""
        chance = _sigmoid(logit)
        still = np.where(self.clicked > 0, 0.0, self._still(chance))
        return np.maximum(chance * (1.0 - chance) - still * (1.0 - still), 1e-9)

    def gradient(self, residual: Vector) -> Vector:
        """Return X'r: [P]."""
        pairs = self.looks.T @ (residual[:, None] * self.who)
        own = self.person.T @ residual
        return np.concatenate([pairs.ravel(), own, [residual.sum()]])

    def _still(self, chance: Vector) -> Vector:
        """Return the chance that a none is clicked yet."""
        return chance * (1.0 - self.share) / (1.0 - chance * self.share)


def information(
    layout: Layout, design: Floats, person: Floats, weight: Vector
) -> Vector:
    """Return X'wX: [P, P].

    Args:
        layout: of the regression.
        design: float32[n, D].
        person: float32[n, N].
        weight: [n], may be negative.
    """
    gain = np.zeros((layout.n_weights, layout.n_weights))
    for start in range(0, len(design), _CHUNK):
        part = slice(start, start + _CHUNK)
        rows = layout.rows(design[part], person[part])
        gain += (rows * weight[part, None].astype(np.float32)).T @ rows
    return gain


@dataclass(frozen=True)
class Gaussian:
    """What was believed before: prior and earlier feedback, as a quadratic."""

    precision: Vector
    """[P, P], the prior's included."""
    eta: Vector
    """[P]."""

    def height(self, weights: Vector) -> float:
        """Return the log density but for a constant."""
        return float(self.eta @ weights - 0.5 * weights @ (self.precision @ weights))

    def slope(self, weights: Vector) -> Vector:
        """Return its derivative."""
        return np.asarray(self.eta - self.precision @ weights)


def climb(
    believed: Gaussian,
    rows: CountedImpressions,
    gain: Vector,
    weight: Vector,
    start: Vector,
) -> tuple[Vector, Vector, bool]:
    """Return the mode, the weights of the rows there, and whether it was found.

    It is not found when the weights that `gain` was made with are stale on the way:
    make it anew with the weights returned, and go on from the point returned.

    Args:
        believed: before the rows.
        rows: what they say.
        gain: X'wX of the rows.
        weight: [n], the w in it.
        start: where to begin.
    """
    curvature = believed.precision + gain
    point, logit = start, rows.logits(start)
    height = believed.height(point) + rows.likelihood(logit)
    for _ in range(_STEPS):
        slope = believed.slope(point) + rows.gradient(rows.residual(logit))
        # A few solutions are cheaper than an inverse.
        step = np.linalg.solve(curvature, slope)
        for _ in range(_HALVINGS):
            if np.abs(step).max() < _SMALL:
                return point, rows.weight(logit), True
            other = rows.logits(point + step)
            above = believed.height(point + step) + rows.likelihood(other)
            if above >= height:
                break
            step = step / 2.0
        else:
            return point, rows.weight(logit), True  # no higher point is told apart
        point, logit, height = point + step, other, above
        now = rows.weight(logit)
        if np.abs(now - weight).sum() > STALE * now.sum():
            return point, now, False
    return point, rows.weight(logit), True


def _sigmoid(logit: Vector) -> Vector:
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * logit))
