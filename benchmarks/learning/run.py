"""One method in one world: impressions, updates, and what it knows at checkpoints."""

import time
from typing import Any

import numpy as np

from benchmarks.learning.late import Post
from benchmarks.learning.method import Floats, Method, Setting
from benchmarks.learning.methods.catalogue import METHODS
from benchmarks.learning.methods.product import VARIANTS, Product
from benchmarks.learning.truth import Crowd, Rates
from benchmarks.learning.world import KINDS, World
from model_export.generators.pools import diversity

CHECKPOINTS = (10_000, 30_000, 100_000, 300_000)
_STEPS = ((10_000, 2_500), (100_000, 5_000), (10**12, 10_000))
"""Until so many impressions, an update every so many: the study's schedule."""
_WARM = 20_000
"""Impressions of library designs that a warm start learns from first."""

DRIFT_AT, RETURN_AT, BACK_AT = 100_000, 150_000, 200_000
"""Impressions at which tastes turn, and turn back, in a drifting world; and at which
they have been back for as long as they were away."""

Point = dict[str, Any]


def run(
    kind: str, seed: int, name: str, total: int, *, warm: bool = False
) -> list[Point]:
    """Return a point for each checkpoint up to `total` impressions.

    Args:
        kind: of world.
        seed: of the world and the method.
        name: of the method.
        total: impressions.
        warm: learn from 20,000 impressions of random library designs first.
    """
    world = World(kind, seed)
    setting = Setting(world.space, world.library(), world.onlookers(), seed)
    started = time.process_time()
    method = METHODS[name](setting)
    post = Post(KINDS[kind].late, np.random.default_rng([seed, 31]))
    if warm:
        crowd = world.visitors(_WARM)
        rng = np.random.default_rng([seed, 30])
        shown = setting.library[rng.integers(0, len(setting.library), _WARM)]
        clicked = world.clicks(crowd, shown)
        method.learn(post.delivered(crowd.condition, shown, clicked))
    points: list[Point] = []
    n, sum_rates, alarm = 0, 0.0, Alarm()
    while n < total:
        world.turn_if_due(_phase(world, n))
        size = next(step for until, step in _STEPS if n < until)
        crowd = world.visitors(size)
        shown = method.choose(crowd.condition)
        rates = world.rates(crowd, shown)
        clicked = world.clicks(crowd, shown)
        extra = _calibration(method, crowd, shown, rates)
        method.learn(post.delivered(crowd.condition, shown, clicked))
        alarm.listen(method, world)
        n += size
        sum_rates += float(rates.sum())
        if n in _checkpoints(world):
            points.append(
                {
                    "impressions": n,
                    "random": world.random_rate,
                    "oracle": world.oracle_rate,
                    "while_learning": sum_rates / n,
                    "diversity": _diversity(world, shown),
                    "cpu_s": time.process_time() - started,
                    **_rates(world, method),
                    **extra,
                    **alarm.said,
                    **_home(world, method, n),
                }
            )
    return points


def _checkpoints(world: World) -> tuple[int, ...]:
    return (*CHECKPOINTS, RETURN_AT, BACK_AT) if world.kind.drifts else CHECKPOINTS


def _phase(world: World, n: int) -> int:
    return int(world.kind.drifts and DRIFT_AT <= n < RETURN_AT)


class Alarm:
    """Waits for the product to set aside the value that fake clicks are aimed at."""

    def __init__(self) -> None:
        self.said: dict[str, float] = {}

    def listen(self, method: Method, world: World) -> None:
        """Note how many fake clicks there had been when it was first heard."""
        if not isinstance(method, Product):
            return
        aside = method.set_aside
        if world.target in aside:
            self.said.setdefault("fakes_at_alarm", world.n_fakes)
        self.said["n_fakes"] = world.n_fakes
        wrong = len(aside) - (world.kind.fakes > 0 and world.target in aside)
        self.said["wrong_alarms"] = self.said.get("wrong_alarms", 0) + int(wrong > 0)


def _home(world: World, method: Method, n: int) -> dict[str, float]:
    """Return the greedy click rate for tastes that have turned back this moment."""
    if not world.kind.drifts or n != RETURN_AT:
        return {}
    world.turn_if_due(0)
    design = method.greedy(world.held_out.condition)
    return {
        "ctr_home": _rate(world, design),
        "random_home": world.random_rate,
        "oracle_home": world.oracle_rate,
    }


def _rates(world: World, method: Method) -> dict[str, float]:
    """Return the greedy click rate on held-out people, and ours by variant."""
    crowd = world.held_out
    rates = {"ctr": _rate(world, method.greedy(crowd.condition))}
    if isinstance(method, Product):
        for variant in VARIANTS:
            design = method.greedy(crowd.condition, variant)
            rates[f"ctr_{variant}"] = _rate(world, design)
    return rates


def _rate(world: World, design: Floats) -> float:
    return float(world.rates(world.held_out, design).mean())


def _calibration(
    method: Method, crowd: Crowd, shown: Floats, rates: Rates
) -> dict[str, float]:
    """Return predicted over true clicks of what was just served."""
    if not isinstance(method, Product):
        return {}
    predicted = method.predicted(crowd.condition, shown)
    return {"calibration": float(predicted.mean() / rates.mean())}


def _diversity(world: World, shown: Floats) -> float:
    """Return how different designs shown to different people are; 1: random ones."""
    groups = shown[: len(shown) // 16 * 16].reshape(-1, 16, shown.shape[1])
    return diversity(world.space, groups)
