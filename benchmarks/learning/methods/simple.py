"""Random designs, and the best of fifty library designs found by a test (A/B)."""

import numpy as np

from benchmarks.learning.method import Batch, Floats, Setting

_ARMS = 50


class Random:
    """Uniformly random designs; never learns."""

    def __init__(self, setting: Setting) -> None:
        self._space = setting.space
        self._rng = np.random.default_rng([setting.seed, 20])

    def choose(self, condition: Floats) -> Floats:
        """Return random designs."""
        return self._space.random(len(condition), self._rng)

    def greedy(self, condition: Floats) -> Floats:
        """Return random designs."""
        return self.choose(condition)

    def learn(self, batch: Batch) -> None:
        """Learn nothing."""


class BestFixed:
    """Shows fifty library designs evenly, then believes in the one clicked most."""

    def __init__(self, setting: Setting) -> None:
        self._rng = np.random.default_rng([setting.seed, 21])
        picked = self._rng.choice(len(setting.library), _ARMS, replace=False)
        self._arms = setting.library[picked]
        self._shown, self._clicked = np.ones(_ARMS), np.full(_ARMS, 0.025)

    def choose(self, condition: Floats) -> Floats:
        """Return arms, each as often as the others."""
        return self._arms[self._rng.integers(0, _ARMS, len(condition))]

    def greedy(self, condition: Floats) -> Floats:
        """Return the arm with the highest click rate."""
        best = int((self._clicked / self._shown).argmax())
        return np.repeat(self._arms[best][None], len(condition), 0)

    def learn(self, batch: Batch) -> None:
        """Count."""
        arm = (batch.design[:, None] == self._arms[None]).all(2).argmax(1)
        np.add.at(self._shown, arm, 1.0)
        np.add.at(self._clicked, arm, batch.clicked)
