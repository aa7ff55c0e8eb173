"""Simulated worlds: hidden tastes, people who are seen through a few events.

The reference worlds are a programme of their own (`world.py` of the study this
benchmark follows), found beside the checkout or in $ADLOOM_BENCH_WORLDS. Only what a
learner may see leaves this module: conditions and clicks. Everybody here is simulated.
"""

import importlib.util
import json
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.figures import UnavailableError
from model_export.conditioning import SURFACES, condition
from model_export.design_space import DesignSpace

Floats = NDArray[np.float32]

KINDS: dict[str, dict[str, Any]] = {
    "bilinear": {},
    "interactions": {"pair_share": 2.0},
    "hardly-known": {"events": (3, 12)},
    "poisoned": {},
    "drifting": {},
    "shuffled": {},
}
"""Kind of world -> arguments of the reference world."""

_HOLDOUT = 4_000
_HOLDOUT_SEED = 4321
_FAKES = 0.02
_TARGET = (2, 5)
"""Attribute and value that fake clicks are aimed at: a value that nobody loves."""


@dataclass(frozen=True)
class Crowd:
    """Some people in some places: what is seen of them, and who they are."""

    condition: Floats
    hidden: Any
    context: Any


class World:
    """One simulated world.

    Args:
        kind: one of `KINDS`.
        seed: of everything in it.

    Raises:
        UnavailableError: the reference worlds are not there.
    """

    def __init__(self, kind: str, seed: int) -> None:
        self._module = _reference()
        self._world = self._module.World(seed, **KINDS[kind])
        self.kind, self.seed = kind, seed
        self.space = _space(self._module)
        self._rng = np.random.default_rng(seed + 5_000)
        self._shuffle = np.random.default_rng(seed + 6_000)
        self.held_out = self._crowd(_HOLDOUT, np.random.default_rng(_HOLDOUT_SEED))
        self._measure()

    def _measure(self) -> None:
        crowd, rng = self.held_out, np.random.default_rng(0)
        self.random_rate = float(
            np.mean([self.rates(crowd, self._random(rng)).mean() for _ in range(5)])
        )
        best = self._world.oracle(crowd.hidden, crowd.context)
        self.oracle_rate = float(
            self._world.click_prob(crowd.hidden, best, crowd.context).mean()
        )

    def library(self, n: int = 1_000) -> Floats:
        """Return the advertiser's designs: float32[n, D]."""
        encoded: Floats = self._module.encode(*self._world.library(n))
        return encoded

    def onlookers(self, n: int = 20_000) -> Floats:
        """Return conditions of people whose behaviour is known and who saw no ad."""
        return self._crowd(n, np.random.default_rng(self.seed + 31_337)).condition

    def visitors(self, n: int) -> Crowd:
        """Return the next people."""
        return self._crowd(n, self._rng)

    def clicks(self, crowd: Crowd, design: Floats) -> Floats:
        """Return what the learner hears of their clicks: float32[n]."""
        more: dict[str, Any] = {"rng": self._rng}
        if self.kind == "poisoned":
            more |= {"poison": _FAKES, "target": _TARGET}
        decoded = self._module.decode(design)
        clicked, _ = self._world.feedback(crowd.hidden, decoded, crowd.context, **more)
        if self.kind == "shuffled":
            clicked = self._shuffle.permutation(clicked)
        heard: Floats = clicked.astype(np.float32)
        return heard

    def rates(self, crowd: Crowd, design: Floats) -> NDArray[np.float64]:
        """Return the true click probabilities: [n]. For the judge alone."""
        decoded = self._module.decode(design)
        rates: NDArray[np.float64] = self._world.click_prob(
            crowd.hidden, decoded, crowd.context
        )
        return rates

    def gap(self, design: Floats) -> float:
        """Return the share of the way from random to the best that designs go.

        Args:
            design: for the held-out people, float32[4000, D].
        """
        rate = float(self.rates(self.held_out, design).mean())
        return (rate - self.random_rate) / (self.oracle_rate - self.random_rate)

    def turn(self, phase: int) -> None:
        """Let tastes drift (1) or return (0); the bounds are measured again."""
        self._world.set_phase(phase)
        self._measure()

    def _random(self, rng: np.random.Generator) -> Floats:
        encoded: Floats = self._module.encode(
            *self._module.random_designs(_HOLDOUT, rng)
        )
        return encoded

    def _crowd(self, n: int, rng: np.random.Generator) -> Crowd:
        hidden = self._world.sample_users(n, rng)
        context = self._world.sample_context(n, rng)
        names = [SURFACES[i] for i in context["surface"]]
        seen = condition(hidden.counts.astype(np.float64), names, context["hour"])
        return Crowd(seen, hidden, context)


@lru_cache(maxsize=1)
def _reference() -> Any:
    beside = Path(__file__).resolve().parents[3] / "shared" / "worlds"
    folder = Path(os.environ.get("ADLOOM_BENCH_WORLDS", beside))
    spec = importlib.util.spec_from_file_location(
        "reference_world", folder / "world.py"
    )
    if spec is None or spec.loader is None or not (folder / "world.py").exists():
        raise UnavailableError(
            f"no reference worlds in {folder}: expected world.py there, or "
            "ADLOOM_BENCH_WORLDS to say where it is"
        )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _space(module: Any) -> DesignSpace:
    """Return the worlds' attributes as a creative space, in their order."""
    sizes = zip(module.ATTRS, module.SIZES, strict=True)
    lines = ['name = "reference-world"', "[categorical]"]
    lines += [
        f"{name} = {json.dumps([f'{name}-{i}' for i in range(n)])}" for name, n in sizes
    ]
    lines += ["[continuous]", *(f"{name} = [0.0, 1.0]" for name in module.CONT)]
    return DesignSpace("\n".join(lines))
