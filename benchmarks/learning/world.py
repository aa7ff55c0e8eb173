"""Simulated worlds by kind: hidden tastes, people who are seen through a few events.

A kind is a truth and what is done to its clicks before a learner hears of them. Only
what a learner may see leaves this module: conditions and clicks. Everybody here is
simulated.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.learning.own_world import Own
from benchmarks.learning.reference_world import Reference
from benchmarks.learning.truth import Crowd, Floats, Rates, Truth

OWN = "own"
"""The kind that needs nothing from outside the project."""


@dataclass(frozen=True)
class Kind:
    """How a world is made."""

    truth: Callable[[int], Truth]
    fakes: float = 0.0
    """Fake clicks, as a share of impressions, all aimed at one value."""
    late: float = 0.0
    """Share of clicks that are heard batches later."""
    is_shuffled: bool = False
    """Clicks are given to other impressions: nothing can be learnt."""
    drifts: bool = False
    """Tastes turn, and turn back."""


KINDS: dict[str, Kind] = {
    "bilinear": Kind(Reference),
    "interactions": Kind(partial(Reference, pair_share=2.0)),
    "hardly-known": Kind(partial(Reference, events=(3, 12))),
    "non-linear": Kind(partial(Reference, is_bent=True)),
    "late": Kind(Reference, late=0.3),
    "poisoned": Kind(Reference, fakes=0.02),
    "drifting": Kind(Reference, drifts=True),
    "shuffled": Kind(Reference, is_shuffled=True),
    OWN: Kind(Own),
}

_HOLDOUT = 4_000
_HOLDOUT_SEED = 4321
_TARGET = ("hero", 5)
"""Attribute and value that fake clicks are aimed at: a value that nobody loves."""


class World:
    """One simulated world.

    Args:
        kind: one of `KINDS`.
        seed: of everything in it.

    Raises:
        UnavailableError: the kind needs the reference worlds, and they are not there.
    """

    def __init__(self, kind: str, seed: int) -> None:
        self.kind, self.seed = KINDS[kind], seed
        self._truth = self.kind.truth(seed)
        self.space = self._truth.space
        self.target = self.space.slices[_TARGET[0]].start + _TARGET[1]
        """One-hot column that fake clicks are aimed at."""
        self.n_fakes = 0
        """Fake clicks so far."""
        self._phase = 0
        self._rng = np.random.default_rng(seed + 5_000)
        self._other = np.random.default_rng(seed + 6_000)
        self.held_out = self._truth.held_out(
            _HOLDOUT, np.random.default_rng(_HOLDOUT_SEED)
        )
        self._measure()

    def _measure(self) -> None:
        crowd, rng = self.held_out, np.random.default_rng(0)
        random = [self._truth.random(_HOLDOUT, rng) for _ in range(5)]
        self.random_rate = float(np.mean([self.rates(crowd, one) for one in random]))
        best = self._truth.best(crowd)
        self.oracle_rate = float(self.rates(crowd, best).mean())

    def library(self, n: int = 1_000) -> Floats:
        """Return the advertiser's designs: float32[n, D]."""
        return self._truth.library(n)

    def onlookers(self, n: int = 20_000) -> Floats:
        """Return conditions of people whose behaviour is known and who saw no ad."""
        rng = np.random.default_rng(self.seed + 31_337)
        return self._truth.visitors(n, rng).condition

    def visitors(self, n: int) -> Crowd:
        """Return the next people."""
        return self._truth.visitors(n, self._rng)

    def clicks(self, crowd: Crowd, design: Floats) -> Floats:
        """Return what the learner hears, sooner or later: float32[n]."""
        clicked = self._truth.clicks(crowd, design, self._rng)
        if self.kind.fakes:
            clicked = np.maximum(clicked, self._fakes(design))
        if self.kind.is_shuffled:
            clicked = self._other.permutation(clicked)
        return clicked

    def rates(self, crowd: Crowd, design: Floats) -> Rates:
        """Return the true click probabilities: [n]. For the judge alone."""
        return self._truth.rates(crowd, design)

    def gap(self, design: Floats) -> float:
        """Return the share of the way from random to the best that designs go.

        Args:
            design: for the held-out people, float32[4000, D].
        """
        rate = float(self.rates(self.held_out, design).mean())
        return (rate - self.random_rate) / (self.oracle_rate - self.random_rate)

    def turn_if_due(self, phase: int) -> None:
        """Let tastes drift (1) or return (0); the bounds are then measured again."""
        if phase != self._phase:
            self._phase = phase
            self._truth.turn(phase)
            self._measure()

    def _fakes(self, design: Floats) -> Floats:
        """Return the fake clicks on a batch: where the target is shown, float32[n]."""
        hit = design[:, self.target] > 0
        chance = min(1.0, self.kind.fakes / max(float(hit.mean()), 1e-6))
        fakes = hit & (self._other.random(len(design)) < chance)
        self.n_fakes += int(fakes.sum())
        return fakes.astype(np.float32)
