"""A log -> policies: probabilities of each action for each row, [n, A].

The product's click critic learns from the log and its pick chooses, as in the creatives
stage (`model_export/critic/selector.py`, `model_export/critic/pick.py`); an action is a
design with one attribute.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.learning.real.logs import Floats, Log
from model_export.critic.layout import N_HOUR, Layout
from model_export.critic.pick import pick_probabilities
from model_export.critic.selector import BASE_LOGIT, ClickCritic
from model_export.space.conditioning import SURFACES

Chances = NDArray[np.float64]

_BATCH = 5_000
"""Rows of one update: a fine-tune job's worth."""
_DRAWS = 16


@dataclass(frozen=True)
class Learnt:
    """What a log taught."""

    critic: ClickCritic
    single: int
    """The action with the highest rate in the log: the best for everybody."""

    def expected(self, log: Log) -> Chances:
        """Return the expected reward of every action: [n, A]."""
        return _sigmoid(self._logits(log, self.critic.mean()[:, None])[:, :, 0])

    def greedy(self, log: Log) -> Chances:
        """Return the policy that shows each person what looks best: [n, A]."""
        return _sure(self.expected(log).argmax(1), len(log.actions))

    def served(self, log: Log, seed: int = 0) -> Chances:
        """Return the policy that the product serves, exploration and all: [n, A]."""
        draws = self.critic.draws(_DRAWS, np.random.default_rng(seed))
        return pick_probabilities(self._logits(log, draws))

    def everybody(self, log: Log) -> Chances:
        """Return the policy of the best single action: [n, A]."""
        return _sure(np.full(len(log), self.single), len(log.actions))

    def _logits(self, log: Log, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return [n, A, S] for weights [P, S]."""
        layout, person = self.critic.layout, _person(log)
        logits = np.empty((len(log), len(log.actions), weights.shape[1]))
        for action in range(len(log.actions)):
            design = _designs(np.full(len(log), action), len(log.actions))
            logits[:, action] = BASE_LOGIT + layout.rows(design, person) @ weights
        return logits


Policy = Callable[[Learnt, Log], Chances]


def uniform(log: Log) -> Chances:
    """Return the uniform policy: [n, A]."""
    n_actions = len(log.actions)
    return np.full((len(log), n_actions), 1.0 / n_actions)


def learnt(log: Log, seed: int = 0) -> Learnt:
    """Return what a log teaches; its rows come in random order.

    The best single action is the one with the highest self-normalised estimate.
    """
    critic = ClickCritic.untaught(Layout((len(log.actions),), 0, log.tastes.shape[1]))
    design, person = _designs(log.action, len(log.actions)), _person(log)
    reward = log.reward.astype(np.float32)
    order = np.random.default_rng(seed).permutation(len(log))
    for start in range(0, len(log), _BATCH):
        rows = order[start : start + _BATCH]
        critic = critic.update(design[rows], person[rows], reward[rows])
    n = len(log.actions)
    shown = np.bincount(log.action, 1.0 / log.propensity, n)
    earned = np.bincount(log.action, log.reward / log.propensity, n)
    return Learnt(critic, int((earned / np.maximum(shown, 1.0)).argmax()))


def _sure(action: NDArray[np.integer], n_actions: int) -> Chances:
    chances: Chances = np.eye(n_actions)[action]
    return chances


def _designs(action: NDArray[np.integer], n_actions: int) -> Floats:
    return _sure(action, n_actions).astype(np.float32)


def _person(log: Log) -> Floats:
    """Return tastes, place and no hour as the critic's features: float32[n, N]."""
    place = np.eye(len(SURFACES))[log.place]
    hour = np.zeros((len(log), N_HOUR))
    return np.concatenate([log.tastes, place, hour], 1).astype(np.float32)


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    half: NDArray[np.float64] = 0.5 + 0.5 * np.tanh(0.5 * logits)
    return half
