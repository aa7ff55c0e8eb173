"""Linear Thompson sampling on principal components of the preferences.

What a good team would use without any of ours: bilinear Bayesian logistic regression,
design x (8 components, surface), a fixed prior, the exact best design of a posterior
draw for each person (Agrawal, Goyal 2013, "Thompson Sampling for Contextual Bandits
with Linear Payoffs"; Chapelle, Li 2011). With a library it chooses among its designs.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.learning.method import Batch, Floats, Setting
from model_export.critic.layout import Layout
from model_export.critic.posterior import best_designs
from model_export.critic.prior import Prior
from model_export.critic.selector import ClickCritic
from model_export.space.conditioning import N_CATEGORIES, WHERE_WHEN

_RANK = 8
_DEVIATIONS = (0.12, 0.06)
"""Of its prior: main weights, interactions."""
_DRAWS = 32
_ROWS = 1_000
_LIBRARY = 200


class LinTS:
    """Thompson sampling; `scale` is the width of its draws."""

    def __init__(self, setting: Setting, scale: float, *, in_library: bool) -> None:
        roots = setting.people[:, :N_CATEGORIES].astype(np.float64)
        self._mean = roots.mean(0)
        _, _, rows = np.linalg.svd(roots - self._mean, full_matrices=False)
        projected = (roots - self._mean) @ rows[:_RANK].T
        self._matrix = rows[:_RANK].T / np.sqrt((projected**2).mean())
        self._layout = Layout.of(setting.space, _RANK)
        untaught = ClickCritic.untaught(self._layout)
        prior = Prior.untaught(self._layout, *_DEVIATIONS, square_mean=0.0)
        self._critic = replace(untaught, prior=prior)
        self._scale = scale
        self._rng = np.random.default_rng([setting.seed, 22])
        self._library = setting.library[:_LIBRARY] if in_library else None
        self._redraw()

    def choose(self, condition: Floats) -> Floats:
        """Return each person's best design by a draw of their own."""
        own = self._rng.integers(0, _DRAWS, len(condition))
        return self._best(condition, self._draws, own)

    def greedy(self, condition: Floats) -> Floats:
        """Return each person's best design by the posterior mean."""
        return self._best(
            condition, self._mean_weights, np.zeros(len(condition), np.intp)
        )

    def learn(self, batch: Batch) -> None:
        """Update the posterior; the prior stays what it was."""
        self._critic = self._critic.taught(
            batch.design, self._person(batch.condition), batch.clicked
        )
        self._redraw()

    def _redraw(self) -> None:
        self._draws = self._critic.draws(_DRAWS, self._rng, self._scale)
        self._mean_weights = self._critic.mean()[:, None]

    def _person(self, condition: Floats) -> Floats:
        centred = condition[:, :N_CATEGORIES] - self._mean
        projected = centred @ self._matrix
        return np.concatenate([projected, condition[:, WHERE_WHEN]], 1).astype(
            np.float32
        )

    def _best(
        self, condition: Floats, draws: NDArray[np.float64], own: NDArray[np.intp]
    ) -> Floats:
        layout = self._layout
        pairs = draws[: layout.n_looks * layout.n_who]
        by_who = pairs.reshape(layout.n_looks, layout.n_who, -1)
        parts = []
        for start in range(0, len(condition), _ROWS):
            part = slice(start, start + _ROWS)
            who = layout.who(self._person(condition[part]))
            worth = np.einsum("nw,fws->nsf", who, by_who, optimize=True)
            worth = worth[np.arange(len(who)), own[part]]
            parts.append(self._designs(worth))
        return np.concatenate(parts)

    def _designs(self, worth: NDArray[np.float64]) -> Floats:
        if self._library is not None:
            looks = self._layout.looks(self._library)
            return self._library[(worth @ looks.T).argmax(1)]
        chosen, continuous = best_designs(self._layout, worth)
        design = np.zeros((len(worth), self._layout.n_logits), np.float32)
        np.put_along_axis(design, chosen.T, 1.0, 1)
        return np.concatenate([design, continuous], 1)
