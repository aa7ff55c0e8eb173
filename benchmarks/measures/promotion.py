"""`adloom bench promotion`: how often a canary's verdict is wrong, by how good it is.

Two arms of simulated people; the tallies go through the looks, the bounds and the rule
of the rollout stage (`streams.stages.rollout.canary`). People differ in how often they
come (Pareto) and in how often they click (log-normal), and stay in their arm, so that
the impressions of an arm are as correlated as those of real people. Given the people,
impressions are independent, so the clicks of a group of people are binomial: the
simulation is exact and costs little.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.figures import Row, Target, at_least, at_most
from benchmarks.session import Session, note
from streams.outcomes.intervals import wilson
from streams.settings import RolloutSettings
from streams.stages.rollout.canary import N_GROUPS, Tally, due_look, look, looks

DECISIONS = 1_000
_IMPRESSIONS_PER_PERSON = 10
_MOST = 10.0
"""Nobody comes more than so many times as often as the average person."""
_SPREAD = 0.5
"""Standard deviation of a person's log click rate."""
_STEP = 1_000
"""Impressions of both arms between two looks at the counts."""
_PERCENT = 100.0
_Z = 1.959964

EFFECTS = {
    -0.10: (at_most(1.0), None),
    -0.06: (at_most(1.0), None),
    0.0: (None, at_most(5.0)),
    0.05: (at_least(80.0), at_most(5.0)),
    0.10: (at_least(80.0), at_most(5.0)),
}
"""Relative effect of a candidate -> limits of "promoted" and of "found worse", %."""


@dataclass(frozen=True)
class Traffic:
    """Who sees what during a canary."""

    rate: float
    """The champion's click rate."""
    share: float
    """People in the canary."""
    last: int
    """Impressions of the canary by which it is decided."""

    @property
    def name(self) -> str:
        """What it is called in the rows."""
        both = round(self.last / self.share)
        return (
            f"{self.last:,} canary impressions ({both:,} in both arms), "
            f"CTR {self.rate:.1%}"
        )


def promotion(session: Session) -> Iterator[Row]:
    """Yield, for each traffic and effect, the share promoted and found worse."""
    settings = RolloutSettings()
    n = session.options.scaled(DECISIONS)
    last, share = settings.max_canary_impressions, settings.canary_share
    for traffic in (
        Traffic(0.04, share, last),
        Traffic(0.025, share, last),
        Traffic(0.04, 0.5, last // 2),
    ):
        for effect, (promoted, worse) in EFFECTS.items():
            made = decisions(traffic, effect, n, settings)
            name = f"promotion {_PERCENT * effect:+.0f} %, {traffic.name}"
            yield _row(f"{name}: promoted", made["better"], n, promoted)
            yield _row(f"{name}: found worse", made["worse"], n, worse)
            note(f"{name}: {dict(made)}")


def decisions(
    traffic: Traffic, effect: float, n: int, settings: RolloutSettings, seed: int = 310
) -> Counter[str]:
    """Return how many of n canaries end better, worse and unsure.

    Args:
        traffic: of each.
        effect: relative difference of the candidate's click rate.
        n: canaries.
        settings: first look and largest loss.
        seed: of people and clicks.
    """
    rng = np.random.default_rng([seed, round(1_000 * (1 + effect))])
    sizes = looks(settings.canary_impressions, traffic.last)
    return Counter(
        _decided(traffic, effect, sizes, settings.max_loss, rng) for _ in range(n)
    )


def _decided(
    traffic: Traffic,
    effect: float,
    sizes: list[int],
    max_loss: float,
    rng: np.random.Generator,
) -> str:
    """Return what the stage would find: it looks when looks are due."""
    n_looks = 0
    for counts, clicks in zip(*_arms(traffic, effect, rng), strict=True):
        shown = (Tally(int(counts[arm].sum())) for arm in (1, 0))
        due = due_look(sizes, n_looks, *shown)
        if due is None:
            continue
        n_looks = due + 1
        canary, champion = (_tally(counts[arm], clicks[arm]) for arm in (1, 0))
        finding, _ = look(canary, champion, sizes, due, max_loss)
        if finding != "unsure":
            return finding
    return "unsure"


def _arms(
    traffic: Traffic, effect: float, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return impressions and clicks so far at each step: [steps, 2 arms, groups]."""
    total = traffic.last / traffic.share
    n_people = int(total) // _IMPRESSIONS_PER_PERSON
    comes = rng.pareto(2.0, n_people) + 0.3  # a few come often
    comes = np.minimum(comes, _MOST * comes.mean())
    chance = traffic.rate * np.exp(_SPREAD * rng.normal(size=n_people) - _SPREAD**2 / 2)
    in_canary = rng.random(n_people) < traffic.share
    cell = in_canary * N_GROUPS + rng.integers(0, N_GROUPS, n_people)
    visits = np.bincount(cell, comes, 2 * N_GROUPS)
    rate = np.bincount(cell, comes * chance, 2 * N_GROUPS) / np.maximum(visits, 1e-9)
    rate[N_GROUPS:] *= 1.0 + effect
    # People in the canary may come less: the traffic goes on until it has enough.
    part = visits[N_GROUPS:].sum() / visits.sum()
    steps = int(1.1 * traffic.last / part) // _STEP + 1
    counts = rng.multinomial(_STEP, visits / visits.sum(), steps)
    clicks = rng.binomial(counts, np.minimum(rate, 1.0))
    shape = (steps, 2, N_GROUPS)
    return counts.cumsum(0).reshape(shape), clicks.cumsum(0).reshape(shape)


def _tally(counts: NDArray[np.int64], clicks: NDArray[np.int64]) -> Tally:
    groups = np.stack([counts, clicks], 1).tolist()
    return Tally(int(counts.sum()), int(clicks.sum()), groups)


def _row(name: str, count: int, n: int, target: Target | None) -> Row:
    low, high = (round(bound, 6) for bound in wilson(count, n, _Z))
    value = _PERCENT * count / n
    return Row(
        name=name,
        value=value,
        unit="% of decisions",
        peer=None,
        ratio=None,
        target=target.limit if target else None,
        reached=target.is_reached(value) if target else None,
        n_runs=n,
        low=_PERCENT * low,
        high=_PERCENT * high,
    )
