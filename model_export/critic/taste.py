"""Condition vectors -> person features: taste, from behaviour alone, without a click.

What a person looked at is taken for draws from a softmax over the categories, moved
by a taste of a few dimensions:

    counts ~ Multinomial(n, softmax(base + loadings t)),   t ~ N(0, I)

A person's taste is the mode of its posterior. Somebody hardly known stays near the
average person; a long history moves them. Fitted by stochastic Laplace-EM: Newton finds
each posterior, a draw of it gives the gradient for the loadings.

Sources: Tipping, Bishop 1999, "Probabilistic Principal Component Analysis", for the
model's Gaussian twin; Collins, Dasgupta, Schapire 2001, "A Generalization of Principal
Components Analysis to the Exponential Family"; Laplace's approximation: MacKay 1992.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from model_export.space.conditioning import N_CATEGORIES, moved
from schemas.vocabulary import Ids, deployed

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

N_HOUR = 2
"""Sine and cosine of the hour."""

N_TASTES = 6
"""Dimensions of taste: the likelihood of held-out halves of histories is flat from
here on, and each further one costs clicks to learn about."""

NEWTON_STEPS = 4
"""Steps from the average person to a person's own taste; four leave it
0.006 from there on average, against a spread of one."""

LONGEST_STEP = 1.5
"""Bound of a step, in prior deviations: far from the mode a whole step overshoots."""

_EPOCHS = 40
_BATCH = 2_000
_RATES = (0.03, 0.006)
"""Adam's rate in the first and in the second half of the epochs."""
_BETAS = (0.9, 0.99)
_SMOOTHING = 0.5
"""Events added to each category before the logarithm."""
_LEAST_SCALE = 1e-6


@dataclass(frozen=True)
class TasteModel:
    """How behaviour tells taste; frozen, and versioned with the model."""

    base: Floats
    """float32[64]: log popularity of the categories."""
    loadings: Floats
    """float32[64, k]: how a taste moves them."""
    centre: Floats
    """float32[k]: mean taste of the people it was fitted on."""
    axes: Floats
    """float32[k, k]: taste -> coordinates by importance, on one common scale."""
    origin: Literal["seeded", "fitted"]
    ids: Ids = field(default_factory=lambda: deployed().ids)
    """The vocabulary that it was made under: what it knows of a condition."""

    @property
    def n_tastes(self) -> int:
        """Dimensions of taste: k."""
        return int(self.loadings.shape[1])

    @property
    def n_features(self) -> int:
        """Tastes, then surfaces, then the hour: k + 6."""
        return self.n_tastes + len(self.ids.surfaces) + N_HOUR

    def features(self, condition: Floats) -> Floats:
        """Return float32[n, k + 6] for conditions float32[n, 71]."""
        known = self.known(condition)
        taste = self._taste(known)
        placed = (taste - self.centre) @ self.axes
        around = known[:, len(self.ids.categories) : -1]
        return np.concatenate([placed, around], 1).astype(np.float32)

    def known(self, condition: Floats) -> Floats:
        """Return what the model knows of conditions float32[n, 71] of this process."""
        return moved(condition, deployed().ids, self.ids, deployed().maps)

    def taste(self, condition: Floats) -> Doubles:
        """Return the mode of each person's posterior: [n, k]."""
        return self._taste(self.known(condition))

    def _taste(self, known: Floats) -> Doubles:
        return _modes(
            _counts(known, len(self.ids.categories)),
            self.base.astype(np.float64),
            self.loadings.astype(np.float64),
            NEWTON_STEPS,
        )[0]


def seeded(rng: np.random.Generator, n_tastes: int = N_TASTES) -> TasteModel:
    """Return random orthonormal directions: a stand-in until people have come."""
    directions, _ = np.linalg.qr(rng.normal(size=(N_CATEGORIES, n_tastes)))
    return TasteModel(
        base=np.zeros(N_CATEGORIES, np.float32),
        loadings=(4.0 * directions).astype(np.float32),
        centre=np.zeros(n_tastes, np.float32),
        axes=np.eye(n_tastes, dtype=np.float32),
        origin="seeded",
    )


def fit(condition: Floats, seed: int, n_tastes: int = N_TASTES) -> TasteModel:
    """Return the model of the people in `condition`, float32[n, 71], a row a person.

    The same for the same people in the same order and the same seed.
    """
    rng = np.random.default_rng([seed, 7])
    counts = _counts(condition, N_CATEGORIES)
    counts = counts[counts.sum(1) > 0.0]
    base = np.log(counts.sum(0) + _SMOOTHING)
    base -= base.mean()
    loadings = 0.1 * rng.normal(size=(N_CATEGORIES, n_tastes))
    ascent = _Ascent([base, loadings])
    for epoch in range(_EPOCHS):
        rate = _RATES[0] if epoch < _EPOCHS // 2 else _RATES[1]
        order = rng.permutation(len(counts))
        for start in range(0, len(order), _BATCH):
            batch = counts[order[start : start + _BATCH]]
            modes, precision = _modes(batch, base, loadings, NEWTON_STEPS)
            noise = rng.normal(size=modes.shape)[:, :, None]
            lower = np.linalg.cholesky(precision)
            drawn = modes + np.linalg.solve(lower.transpose(0, 2, 1), noise)[:, :, 0]
            missing = batch - batch.sum(1, keepdims=True) * _softmax(
                base + drawn @ loadings.T
            )  # (B, 64)
            ascent.step([missing.mean(0), missing.T @ drawn / len(batch)], rate)
    return _placed(base, loadings, counts)


def _placed(base: Doubles, loadings: Doubles, counts: Doubles) -> TasteModel:
    """Return the model with its coordinates by how much they move behaviour.

    They share one scale: weaker ones stay small, so a prior on weights trusts them
    less. Signs are fixed: the largest entry of each is positive.
    """
    taste = _modes(counts, base, loadings, NEWTON_STEPS)[0]
    centre = taste.mean(0)
    moved = loadings @ np.cov(taste.T).reshape(2 * loadings.shape[1:]) @ loadings.T
    values, vectors = np.linalg.eigh(moved)
    n_tastes = loadings.shape[1]
    top = vectors[:, ::-1][:, :n_tastes]
    top = top * np.sign(top[np.abs(top).argmax(0), np.arange(n_tastes)])
    scale = max(float(np.sqrt(values[::-1][:n_tastes].mean())), _LEAST_SCALE)
    return TasteModel(
        base=base.astype(np.float32),
        loadings=loadings.astype(np.float32),
        centre=centre.astype(np.float32),
        axes=(loadings.T @ top / scale).astype(np.float32),
        origin="fitted",
    )


class _Ascent:
    """Adam up a gradient, in place (Kingma, Ba 2015, algorithm 1)."""

    def __init__(self, parts: list[Doubles]) -> None:
        self._parts = parts
        self._first = [np.zeros_like(part) for part in parts]
        self._second = [np.zeros_like(part) for part in parts]
        self._n = 0

    def step(self, gradients: list[Doubles], rate: float) -> None:
        self._n += 1
        one, two = _BETAS
        for i, gradient in enumerate(gradients):
            self._first[i] += (1.0 - one) * (gradient - self._first[i])
            self._second[i] += (1.0 - two) * (gradient * gradient - self._second[i])
            width = np.sqrt(self._second[i] / (1.0 - two**self._n)) + 1e-8
            self._parts[i] += rate * self._first[i] / (1.0 - one**self._n) / width


def _counts(condition: Floats, n_categories: int) -> Doubles:
    """Return events by category: [n, 64]."""
    shares = np.square(condition[:, :n_categories].astype(np.float64))
    counts: Doubles = shares * condition[:, -1:]
    return counts


def _modes(
    counts: Doubles, base: Doubles, loadings: Doubles, steps: int
) -> tuple[Doubles, Doubles]:
    """Return each posterior's mode [n, k] and its precision there [n, k, k].

    Newton from the average person. The first step is damped by the curvature there,
    which bounds it: the posterior is log-concave.
    """
    n, k = len(counts), loadings.shape[1]
    total = counts.sum(1)
    squares = (loadings[:, :, None] * loadings[:, None, :]).reshape(-1, k * k)
    taste = np.zeros((n, k))
    precision = np.broadcast_to(np.eye(k), (n, k, k))
    for _ in range(steps):
        shares = _softmax(base + taste @ loadings.T)  # (n, 64)
        mean = shares @ loadings  # (n, k)
        second = (shares @ squares).reshape(n, k, k)
        spread = second - mean[:, :, None] * mean[:, None, :]
        precision = np.eye(k) + total[:, None, None] * spread
        slope = counts @ loadings - total[:, None] * mean - taste
        step = np.linalg.solve(precision, slope[:, :, None])[:, :, 0]
        length = np.sqrt((step * step).sum(1, keepdims=True))
        taste = taste + step * np.minimum(1.0, LONGEST_STEP / (length + 1e-9))
    return taste, precision


def _softmax(logits: Doubles) -> Doubles:
    weights = np.exp(logits - logits.max(1, keepdims=True))
    shares: Doubles = weights / weights.sum(1, keepdims=True)
    return shares
