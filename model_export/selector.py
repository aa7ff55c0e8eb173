"""Feedback -> click critic: what the selector believes about every design.

Bayesian logistic regression on design x person and surface, with a full-covariance
Laplace posterior. What the clicks said (Lambda, eta) is kept apart from the prior: a
new prior costs one factorisation and no pass over the feedback, and updates commute.

    logit = base + sum_ij look_i(x) W_ij who_j(c) + context . features(c)

Source of the Gaussian bookkeeping: Spiegelhalter, Lauritzen 1990, "Sequential updating
of conditional probabilities on directed graphical structures", section 4; the Laplace
step: MacKay 1992, "The Evidence Framework Applied to Classification Networks".
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model_export.projection import N_FEATURES, N_PERSON

Vector = NDArray[np.float64]

BASE_LOGIT = -3.5
"""Where the intercept starts: about 3 clicks in 100; its prior is wide."""

THOMPSON_SCALE = 0.5
"""Width of the draws in posterior standard deviations (Chapelle, Li 2011, 3)."""

_MAIN_DEVIATION = 0.12
_INTERACTION_DEVIATION = 0.06
_CONTEXT_DEVIATION = 0.3
_INTERCEPT_DEVIATION = 2.0
_NEWTON_STEPS = 12
_HALVINGS = 8
_SMALL_STEP = 1e-3
_CHUNK = 2_048
"""Rows of the design matrix held at once: bounds memory to a few MB."""


@dataclass(frozen=True)
class Layout:
    """Which weight is which: F looks x 13 person features, then 14 context, intercept.

    A look is a one-hot column, a continuous value scaled to [-1, 1], or its square:
    the square lets the best value lie inside the range.
    """

    n_logits: int
    n_continuous: int

    @property
    def n_looks(self) -> int:
        """F = NV + 2 NC."""
        return self.n_logits + 2 * self.n_continuous

    @property
    def n_weights(self) -> int:
        """P."""
        return self.n_looks * (1 + N_PERSON) + N_FEATURES + 1

    def prior_variances(self) -> Vector:
        """Return the default prior variance of each weight: [P]."""
        looks = np.full((self.n_looks, 1 + N_PERSON), _INTERACTION_DEVIATION**2)
        looks[:, 0] = _MAIN_DEVIATION**2
        context = np.full(N_FEATURES, _CONTEXT_DEVIATION**2)
        return np.concatenate([looks.ravel(), context, [_INTERCEPT_DEVIATION**2]])

    def rows(
        self, design: NDArray[np.float32], features: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the regression's inputs float32[n, P].

        Args:
            design: float32[n, D].
            features: float32[n, 14] of Projection.features.
        """
        n = len(design)
        centred = 2.0 * design[:, self.n_logits :] - 1.0
        looks = np.concatenate([design[:, : self.n_logits], centred, centred**2], 1)
        one = np.ones((n, 1), np.float32)
        who = np.concatenate([one, features[:, :N_PERSON]], 1)
        pairs = (looks[:, :, None] * who[:, None, :]).reshape(n, -1)
        return np.concatenate([pairs, features, one], 1)


@dataclass(frozen=True)
class ScoreWeights:
    """Weights of S draws, in the order that networks.ClickScore multiplies them."""

    always: NDArray[np.float32]
    """float32[F * S]: of a look for everybody."""
    per_feature: NDArray[np.float32]
    """float32[12, F * S]: of a look for each person feature."""
    context: NDArray[np.float32]
    """float32[14, S]."""
    intercept: NDArray[np.float32]
    """float32[S]."""


@dataclass(frozen=True)
class ClickCritic:
    """What feedback has said, and a prior.

    A later prior (empirical Bayes over attributes, say) is `replace(variances=...)`.
    """

    layout: Layout
    variances: Vector
    """[P]: prior variance of each weight."""
    precision: Vector
    """[P, P]: Lambda, the information that feedback gave."""
    eta: Vector
    """[P]: Lambda times the weights that feedback pointed at."""
    n_examples: int
    n_clicks: int

    @classmethod
    def untaught(cls, n_logits: int, n_continuous: int) -> "ClickCritic":
        """Return a critic that has seen nothing."""
        layout = Layout(n_logits, n_continuous)
        size = layout.n_weights
        return cls(
            layout=layout,
            variances=layout.prior_variances(),
            precision=np.zeros((size, size)),
            eta=np.zeros(size),
            n_examples=0,
            n_clicks=0,
        )

    def update(
        self,
        design: NDArray[np.float32],
        features: NDArray[np.float32],
        clicked: NDArray[np.float32],
    ) -> "ClickCritic":
        """Return the critic after a batch of feedback.

        Newton steps find the batch's posterior mode; there the batch adds G = X'wX to
        Lambda and G mu + X'(y - p) to eta, with w = p (1 - p).

        Args:
            design: float32[n, D].
            features: float32[n, 14].
            clicked: float32[n], 0 or 1.
        """
        if not len(design):
            return self
        batch = (design, features, clicked)
        point = self._point(batch, self.mean())
        for _ in range(_NEWTON_STEPS):
            slope = self.eta + point.gradient - self._pull(point.weights)
            step = np.linalg.solve(self._total(self.precision + point.gain), slope)
            higher = self._higher(batch, point, step.astype(np.float64))
            if higher is None:
                break
            point = higher
        # The new mean is one more Newton step from here, so no last step is lost.
        return replace(
            self,
            precision=self.precision + point.gain,
            eta=self.eta + point.gain @ point.weights + point.gradient,
            n_examples=self.n_examples + len(design),
            n_clicks=self.n_clicks + int(clicked.sum()),
        )

    def mean(self) -> Vector:
        """Return the posterior mean of the weights: [P]."""
        return np.linalg.solve(self._total(self.precision), self.eta).astype(np.float64)

    def logits(
        self, design: NDArray[np.float32], features: NDArray[np.float32]
    ) -> Vector:
        """Return the posterior mean click logit of each design: [n]."""
        mean = self.mean().astype(np.float32)
        logits = np.zeros(len(design))
        start = 0
        for looks, who in _chunks(design, features):
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
        total = self._total(self.precision)
        mean = np.linalg.solve(total, self.eta)
        upper = np.linalg.cholesky(total).T
        noise = rng.normal(size=(len(mean), (n + 1) // 2))
        half = scale * np.linalg.solve(upper, noise)
        draws: Vector = mean[:, None] + np.concatenate([half, -half], 1)[:, :n]
        return draws

    def score_weights(self, draws: Vector) -> ScoreWeights:
        """Return draws [P, S] in the order that ClickScore multiplies them."""
        n_draws = draws.shape[1]
        n_looks = self.layout.n_looks
        n_pairs = n_looks * (1 + N_PERSON)
        pairs = draws[:n_pairs].reshape(n_looks, 1 + N_PERSON, n_draws)
        by_person = pairs.transpose(1, 0, 2).reshape(1 + N_PERSON, -1)
        return ScoreWeights(
            always=by_person[0].astype(np.float32),
            per_feature=by_person[1:].astype(np.float32),
            context=draws[n_pairs:-1].astype(np.float32),
            intercept=(BASE_LOGIT + draws[-1]).astype(np.float32),
        )

    def _total(self, precision: Vector) -> Vector:
        total = precision.copy()
        total[np.diag_indices_from(total)] += 1.0 / self.variances
        return total

    def _pull(self, weights: Vector) -> Vector:
        """Return (prior + Lambda) @ weights."""
        pull: Vector = weights / self.variances + self.precision @ weights
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
        """Return the log posterior and its derivatives at the weights."""
        height = float(self.eta @ weights - 0.5 * weights @ self._pull(weights))
        size = self.layout.n_weights
        gain, gradient = np.zeros((size, size)), np.zeros(size)
        single = weights.astype(np.float32)
        for looks, who, clicked in _chunks(*batch):
            rows = self.layout.rows(looks, who)
            logit = (BASE_LOGIT + rows @ single).astype(np.float64)
            height += float((clicked * logit - np.logaddexp(0.0, logit)).sum())
            chance = 0.5 + 0.5 * np.tanh(0.5 * logit)  # the sigmoid, never overflowing
            weight = np.sqrt(chance * (1.0 - chance))[:, None]
            weighted = rows * weight.astype(np.float32)
            gain += weighted.T @ weighted
            gradient += rows.T @ (clicked - chance).astype(np.float32)
        return _Point(weights, height, gain, gradient)


_Batch = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True)
class _Point:
    """Weights and, there, the log posterior, G = X'wX and X'(y - p)."""

    weights: Vector
    height: float
    gain: Vector
    gradient: Vector


def _chunks(*arrays: NDArray[np.float32]) -> list[tuple[NDArray[np.float32], ...]]:
    return [
        tuple(array[start : start + _CHUNK] for array in arrays)
        for start in range(0, len(arrays[0]), _CHUNK)
    ]
