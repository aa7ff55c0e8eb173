"""The reference worlds: a programme of their own, found outside the project.

`world.py` of the study that this benchmark follows lies beside the checkout or in
$ADLOOM_BENCH_WORLDS.
"""

import importlib.util
import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures import UnavailableError
from benchmarks.learning.truth import Crowd, Floats, Rates
from model_export.space.conditioning import SURFACES, condition
from model_export.space.design_space import DesignSpace

_LIFTS = (0.025, 1.7, 3.0)
"""Random click rate; the best fixed design's and each person's best one's lift."""
_LINEAR_SHARE = 0.4
"""Part of a bent taste, as variance, that is the taste itself."""


class Reference:
    """A reference world.

    Args:
        seed: of everything in it.
        is_bent: tastes act on designs through products of tastes, not as they are: no
            model that is linear in what is known about people can follow.
        arguments: of the world's own constructor.

    Raises:
        UnavailableError: the reference worlds are not there.
    """

    def __init__(self, seed: int, *, is_bent: bool = False, **arguments: Any) -> None:
        self._module = reference()
        self._world = self._module.World(seed, **arguments)
        self.space = _space(self._module)
        if is_bent:
            _bend(self._world, seed)

    def visitors(self, n: int, rng: np.random.Generator) -> Crowd:
        """Return people who come by."""
        hidden = self._world.sample_users(n, rng)
        context = self._world.sample_context(n, rng)
        names = [SURFACES[i] for i in context["surface"]]
        seen = condition(hidden.counts.astype(np.float64), names, context["hour"])
        return Crowd(seen, hidden, context)

    held_out = visitors  # people are endless: nobody comes twice

    def library(self, n: int) -> Floats:
        """Return the advertiser's designs: float32[n, D]."""
        encoded: Floats = self._module.encode(*self._world.library(n))
        return encoded

    def random(self, n: int, rng: np.random.Generator) -> Floats:
        """Return uniformly random designs: float32[n, D]."""
        encoded: Floats = self._module.encode(*self._module.random_designs(n, rng))
        return encoded

    def rates(self, crowd: Crowd, design: Floats) -> Rates:
        """Return the true click probabilities: [n]."""
        decoded = self._module.decode(design)
        rates: Rates = self._world.click_prob(crowd.hidden, decoded, crowd.context)
        return rates

    def clicks(self, crowd: Crowd, design: Floats, rng: np.random.Generator) -> Floats:
        """Return who clicks: float32[n], 0 or 1."""
        decoded = self._module.decode(design)
        clicked, _ = self._world.feedback(crowd.hidden, decoded, crowd.context, rng=rng)
        heard: Floats = clicked.astype(np.float32)
        return heard

    def best(self, crowd: Crowd) -> Floats:
        """Return each person's best design, by hill climbing: float32[n, D]."""
        best = self._world.oracle(crowd.hidden, crowd.context)
        encoded: Floats = self._module.encode(*best)
        return encoded

    def turn(self, phase: int) -> None:
        """Let tastes drift (1) or return (0)."""
        self._world.set_phase(phase)


@lru_cache(maxsize=1)
def reference() -> Any:
    """Return the module of the reference worlds.

    Raises:
        UnavailableError: it is not there.
    """
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


def _bend(world: Any, seed: int) -> None:
    """Replace the tastes that act on designs by a non-linear map; calibrate again.

    Each new coordinate is a part of the old one and a product of two directions of the
    taste, less what is linear in it. Given a person the worth of a design
    stays a sum over values and pairs, so the oracle climbs as it did.
    """
    rng = np.random.default_rng([seed, 40])
    size = world.L
    one, other = (np.linalg.qr(rng.normal(size=(size, size)))[0] for _ in range(2))

    def with_one(taste: Any) -> Any:
        return np.column_stack([taste, np.ones(len(taste))])

    sample = world.sample_users(4_000, rng).taste
    products = (sample @ one) * (sample @ other)
    line = np.linalg.lstsq(with_one(sample), products, rcond=None)[0]
    spread = (products - with_one(sample) @ line).std(0)
    plain = world._t  # noqa: SLF001 - the one place that tastes act through

    def bent(users: Any) -> Any:
        taste = plain(users)
        product = (taste @ one) * (taste @ other) - with_one(taste) @ line
        linear, rest = _LINEAR_SHARE**0.5, (1.0 - _LINEAR_SHARE) ** 0.5
        return linear * taste + rest * product / spread

    world._t = bent  # noqa: SLF001
    world._calibrate(*_LIFTS)  # noqa: SLF001


def _space(module: Any) -> DesignSpace:
    """Return the worlds' attributes as a creative space, in their order."""
    sizes = zip(module.ATTRS, module.SIZES, strict=True)
    shown_nowhere = json.dumps([*module.ATTRS, *module.CONT])
    lines = ['name = "reference-world"', f"elsewhere = {shown_nowhere}"]
    lines += ["[categorical]"]
    lines += [
        f"{name} = {json.dumps([f'{name}-{i}' for i in range(n)])}" for name, n in sizes
    ]
    lines += ["[continuous]", *(f"{name} = [0.0, 1.0]" for name in module.CONT)]
    return DesignSpace("\n".join(lines))
