"""Feedback -> click critic: what the selector believes about every design.

Bayesian logistic regression on design x person and surface, with a full-covariance
Laplace posterior. What the clicks said (Lambda, eta) is kept apart from the prior: a
new prior costs one factorisation and no pass over the feedback, and updates commute.

    logit = base + sum_ij look_i(x) W_ij who_j(person) + context . person

Source of the Gaussian bookkeeping: Spiegelhalter, Lauritzen 1990, "Sequential updating
of conditional probabilities on directed graphical structures", section 4; the Laplace
step: MacKay 1992, "The Evidence Framework Applied to Classification Networks".
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model_export.critic.layout import Layout
from model_export.critic.prior import Prior

Vector = NDArray[np.float64]
Floats = NDArray[np.float32]

BASE_LOGIT = -3.5
"""Where the intercept starts: about 3 clicks in 100; its prior is wide."""

THOMPSON_SCALE = 0.45
"""Width of the draws in posterior standard deviations (Chapelle, Li 2011, 3)."""

_REVISIONS = 2
"""Steps up the evidence an update."""
_NEWTON_STEPS = 12
_HALVINGS = 8
_SMALL_STEP = 1e-3
_FAR = 0.1
"""Log-odds over which a click's curvature is not taken for constant."""
_CHUNK = 2_048
"""Rows of the design matrix held at once: bounds memory to a few MB."""


@dataclass(frozen=True)
class ClickCritic:
    """What feedback has said, and a prior."""

    layout: Layout
    prior: Prior
    precision: Vector
    """[P, P]: Lambda, the information that feedback gave."""
    eta: Vector
    """[P]: Lambda times the weights that feedback pointed at."""
    n_examples: int
    n_clicks: int

    @classmethod
    def untaught(cls, layout: Layout) -> "ClickCritic":
        """Return a critic that has seen nothing."""
        size = layout.n_weights
        return cls(
            layout=layout,
            prior=Prior.untaught(layout),
            precision=np.zeros((size, size)),
            eta=np.zeros(size),
            n_examples=0,
            n_clicks=0,
        )

    def update(self, design: Floats, person: Floats, clicked: Floats) -> "ClickCritic":
        """Return the critic after a batch of feedback, its prior revised.

        The batch says what the prior should be. Where that moves a weight far, the
        batch is summed up again, at the mode under the new prior.

        Args:
            design: float32[n, D].
            person: float32[n, N], of `TasteModel.features`.
            clicked: float32[n], 0 or 1, or the chance of a click that may come yet.
        """
        if not len(design):
            return self
        first = self.taught(design, person, clicked)
        revised = first.revised()
        mean = first.mean()
        if np.abs(revised.mean() - mean).max() < _FAR:
            return revised
        known = replace(self, prior=revised.prior)
        return known.taught(design, person, clicked, mean)

    def taught(
        self,
        design: Floats,
        person: Floats,
        clicked: Floats,
        start: Vector | None = None,
    ) -> "ClickCritic":
        """Return the critic after a batch, under the prior as it is.

        Newton steps find the batch's posterior mode; there the batch adds G = X'wX to
        Lambda and G mu + X'(y - p) to eta, with w = p (1 - p).

        Args:
            design: float32[n, D].
            person: float32[n, N], of `TasteModel.features`.
            clicked: float32[n], 0 or 1.
            start: weights near the mode, [P]; None: the mean so far.
        """
        batch = (design, person, clicked)
        point = self._point(batch, self.mean() if start is None else start)
        gain = self._gain(batch, point)
        for _ in range(_NEWTON_STEPS):
            slope = self.pointed() + point.gradient - self._pull(point.weights)
            step = np.linalg.solve(self._total(gain), slope)
            higher = self._higher(batch, point, step.astype(np.float64))
            if higher is None:
                break
            point, gain = higher, self._gain(batch, higher)
        # The new mean is one more Newton step from here, so no last step is lost.
        return replace(
            self,
            precision=self.precision + gain,
            eta=self.eta + gain @ point.weights + point.gradient,
            n_examples=self.n_examples + len(design),
            n_clicks=self.n_clicks + int(clicked.sum()),
        )

    def corrected(
        self, design: Floats, person: Floats, change: Floats
    ) -> "ClickCritic":
        """Return the critic after labels that it learnt turned out to be others.

        A batch adds X'(y - p) to eta, and nothing else of it depends on y for given
        weights: a label that moves by d moves eta by d times its row.

        Args:
            design: float32[n, D].
            person: float32[n, N].
            change: float32[n], the label that holds less the one that was learnt.
        """
        n_clicks = self.n_clicks + round(float(change.sum()))
        moved = self.moved(self.summed(design, person, change))
        return replace(moved, n_clicks=n_clicks)

    def moved(self, by: Vector) -> "ClickCritic":
        """Return the critic with its eta moved: [P]."""
        return replace(self, eta=self.eta + by)

    def summed(self, design: Floats, person: Floats, weight: Floats) -> Vector:
        """Return the sum of the impressions' rows, weighted: [P]."""
        total = np.zeros(self.layout.n_weights)
        for looks, who, part in _chunks(design, person, weight):
            total += self.layout.rows(looks, who).T @ part
        return total

    def revised(self) -> "ClickCritic":
        """Return the critic with its prior learnt from what the clicks said so far."""
        critic = self
        for _ in range(_REVISIONS):
            covariance = np.linalg.inv(critic._total())
            mean = covariance @ critic.pointed()
            prior = critic.prior.revised(
                self.layout, mean - critic.prior.mean(self.layout), np.diag(covariance)
            )
            critic = replace(critic, prior=prior)
        return critic

    def without(self, looks: NDArray[np.intp]) -> "ClickCritic":
        """Return the critic with everything forgotten about some looks.

        Their weights are integrated out: what the clicks said about the other weights
        stays, with what explained the forgotten looks' share taken off.
        """
        forgotten = np.zeros(self.layout.n_weights, bool)
        n_pairs = self.layout.n_looks * self.layout.n_who
        forgotten[:n_pairs].reshape(self.layout.n_looks, -1)[looks] = True
        gone, kept = np.flatnonzero(forgotten), np.flatnonzero(~forgotten)
        across = self.precision[np.ix_(kept, gone)]
        own = self._total()[np.ix_(gone, gone)]
        share = np.linalg.solve(own, across.T).T  # (kept, gone)
        precision, eta = np.zeros_like(self.precision), np.zeros_like(self.eta)
        precision[np.ix_(kept, kept)] = (
            self.precision[np.ix_(kept, kept)] - share @ across.T
        )
        eta[kept] = self.eta[kept] - share @ self.pointed()[gone]
        return replace(self, precision=precision, eta=eta)

    def mean(self) -> Vector:
        """Return the posterior mean of the weights: [P]."""
        return np.linalg.solve(self._total(), self.pointed()).astype(np.float64)

    def logits(self, design: Floats, person: Floats) -> Vector:
        """Return the posterior mean click logit of each design: [n]."""
        mean = self.mean().astype(np.float32)
        logits = np.zeros(len(design))
        start = 0
        for looks, who in _chunks(design, person):
            stop = start + len(looks)
            logits[start:stop] = BASE_LOGIT + self.layout.rows(looks, who) @ mean
            start = stop
        return logits

    def draws(
        self, n: int, rng: np.random.Generator, scale: float = THOMPSON_SCALE
    ) -> Vector:
        """Return n posterior draws of the weights: [P, n], in antithetic pairs.

        With mu +- scale L^-T e the draws' mean is the posterior mean for an even n.
        """
        total = self._total()
        mean = np.linalg.solve(total, self.pointed())
        upper = np.linalg.cholesky(total).T
        noise = rng.normal(size=(len(mean), (n + 1) // 2))
        half = scale * np.linalg.solve(upper, noise)
        draws: Vector = mean[:, None] + np.concatenate([half, -half], 1)[:, :n]
        return draws

    def _total(self, more: Vector | float = 0.0) -> Vector:
        total = self.precision + more
        total[np.diag_indices_from(total)] += 1.0 / self.prior.variances(self.layout)
        return total

    def pointed(self) -> Vector:
        """Return eta with the prior's: [P]; over the total it is the mean."""
        prior, layout = self.prior, self.layout
        pointed: Vector = self.eta + prior.mean(layout) / prior.variances(layout)
        return pointed

    def _pull(self, weights: Vector) -> Vector:
        """Return (prior + Lambda) @ weights."""
        variances = self.prior.variances(self.layout)
        pull: Vector = weights / variances + self.precision @ weights
        return pull

    def _higher(
        self, batch: "_Batch", point: "_Point", step: Vector
    ) -> "_Point | None":
        """Return the point a step away, or None when there is nothing to gain.

        Far from the mode a whole step can overshoot: it is halved until it climbs.
        """
        for _ in range(_HALVINGS):
            if np.abs(step).max() < _SMALL_STEP:
                break
            higher = self._point(batch, point.weights + step)
            if higher.height > point.height:
                return higher
            step = step / 2.0
        return None

    def _point(self, batch: "_Batch", weights: Vector) -> "_Point":
        """Return the log posterior and its gradient at the weights."""
        height = float(self.pointed() @ weights - 0.5 * weights @ self._pull(weights))
        design, person, clicked = batch
        looks, who = self.layout.looks(design), self.layout.who(person)
        pairs, context = self.layout.parts(weights.astype(np.float32))
        logit = (looks * (who @ pairs.T)).sum(1) + person @ context[:-1] + context[-1]
        logit = BASE_LOGIT + logit.astype(np.float64)
        height += float((clicked * logit - np.logaddexp(0.0, logit)).sum())
        chance = 0.5 + 0.5 * np.tanh(0.5 * logit)  # the sigmoid, never overflowing
        missing = (clicked - chance).astype(np.float32)
        gradient = np.concatenate(
            [
                ((looks * missing[:, None]).T @ who).ravel(),
                person.T @ missing,
                missing.sum(keepdims=True),
            ]
        ).astype(np.float64)
        return _Point(weights, height, gradient, chance * (1.0 - chance))

    def _gain(self, batch: "_Batch", point: "_Point") -> Vector:
        """Return G = X'wX: [P, P]."""
        gain = np.zeros((self.layout.n_weights,) * 2)
        root = np.sqrt(point.weight).astype(np.float32)[:, None]
        for design, person, own in _chunks(batch[0], batch[1], root):
            weighted = self.layout.rows(design, person) * own
            gain += weighted.T @ weighted
        return gain


_Batch = tuple[Floats, Floats, Floats]


@dataclass(frozen=True)
class _Point:
    """Weights and, there, the log posterior, X'(y - p) and w = p (1 - p)."""

    weights: Vector
    height: float
    gradient: Vector
    weight: Vector


def _chunks(*arrays: Floats) -> list[tuple[Floats, ...]]:
    return [
        tuple(array[start : start + _CHUNK] for array in arrays)
        for start in range(0, len(arrays[0]), _CHUNK)
    ]
