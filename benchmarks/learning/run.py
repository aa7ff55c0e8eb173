"""One method in one world: impressions, updates, and what it knows at checkpoints."""

import time
from typing import Any

import numpy as np

from benchmarks.learning.method import Floats, Setting
from benchmarks.learning.methods.catalogue import METHODS
from benchmarks.learning.methods.product import Product
from benchmarks.learning.world import Crowd, World
from model_export.pools import diversity

CHECKPOINTS = (10_000, 30_000, 100_000, 300_000)
_STEPS = ((10_000, 2_500), (100_000, 5_000), (10**12, 10_000))
"""Until so many impressions, an update every so many: the study's schedule."""
_WARM = 20_000
"""Impressions of library designs that a warm start learns from first."""

DRIFT_AT, RETURN_AT = 100_000, 150_000
"""Impressions at which tastes turn, and turn back, in a drifting world."""

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
    if warm:
        crowd = world.visitors(_WARM)
        rng = np.random.default_rng([seed, 30])
        shown = setting.library[rng.integers(0, len(setting.library), _WARM)]
        method.learn(crowd.condition, shown, world.clicks(crowd, shown))
    points: list[Point] = []
    n, sum_rates, turned = 0, 0.0, 0
    while n < total:
        turned = _turned(world, kind, n, turned)
        size = next(step for until, step in _STEPS if n < until)
        crowd = world.visitors(size)
        shown = method.choose(crowd.condition)
        rates = world.rates(crowd, shown)
        clicked = world.clicks(crowd, shown)
        extra = _calibration(method, crowd, shown, rates)
        method.learn(crowd.condition, shown, clicked)
        n += size
        sum_rates += float(rates.sum())
        if n in CHECKPOINTS or (kind == "drifting" and n in (RETURN_AT, 200_000)):
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
                }
            )
    return points


def _turned(world: World, kind: str, n: int, turned: int) -> int:
    phase = int(kind == "drifting" and DRIFT_AT <= n < RETURN_AT)
    if phase != turned:
        world.turn(phase)
    return phase


def _rates(world: World, method: Any) -> dict[str, float]:
    """Return the greedy click rate on held-out people, and ours by variant."""
    crowd = world.held_out
    rates = {"ctr": _rate(world, method.greedy(crowd.condition))}
    if isinstance(method, Product):
        for variant in ("generated", "exact"):
            design = method.greedy(crowd.condition, variant)
            rates[f"ctr_{variant}"] = _rate(world, design)
    return rates


def _rate(world: World, design: Floats) -> float:
    return float(world.rates(world.held_out, design).mean())


def _calibration(
    method: Any, crowd: Crowd, shown: Floats, rates: np.ndarray
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
