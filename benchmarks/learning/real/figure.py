"""`adloom bench learning-real`: policies learnt from real logs, judged off-policy.

Nothing is claimed where an interval of the gain includes zero.
"""

from collections.abc import Iterator

import numpy as np

from benchmarks.figures import Row
from benchmarks.learning.real import logs
from benchmarks.learning.real.judged import Candidate, Judged, cross_fitted, judged
from benchmarks.learning.real.policies import Learnt, learnt, uniform
from benchmarks.session import Session, note
from model_export.jobs.off_policy import Estimate, snips

_FOLDS = 5
_MOST_WEIGHT = 100.0
"""Cap of 1 / propensity on the bts log: without one a click weighs up to 6,000."""
_PERCENT = 100.0


def learning_real(_: Session) -> Iterator[Row]:
    """Yield what learnt policies would have earned.

    Raises:
        UnavailableError: the logs are not there.
    """
    yield from _hillstrom()
    yield from _open_bandit()


def _hillstrom() -> Iterator[Row]:
    log = logs.hillstrom()
    policies = {
        "greedy": Learnt.greedy,
        "served": Learnt.served,
        "single": Learnt.everybody,
    }
    made = cross_fitted(log, policies, _FOLDS)
    shuffled = cross_fitted(log, policies, _FOLDS, shuffled=True)
    single = made["single"]
    yield from _rows("hillstrom best single e-mail", judged(log, single, single), None)
    against = "best single e-mail"
    for name in ("greedy", "served"):
        result = judged(log, made[name], single)
        yield from _rows(f"hillstrom {name}", result, against)
    result = judged(log, shuffled["greedy"], single)
    yield from _rows("hillstrom greedy, shuffled rewards", result, against)


def _open_bandit() -> Iterator[Row]:
    random, bts = logs.open_bandit()
    taught = learnt(bts)
    expected = taught.expected(random)
    base = Candidate(uniform(random), expected)
    for name, chances in (
        ("served", taught.served(random)),
        ("greedy", taught.greedy(random)),
    ):
        result = judged(random, Candidate(chances, expected), base)
        yield from _rows(f"open bandit {name}", result, "uniform items")
    yield _estimator_check(random, bts)


def _estimator_check(random: logs.Log, bts: logs.Log) -> Row:
    """Return uniform items' click rate from bts's log, beside the measured one."""
    weight = np.minimum(1.0 / len(bts.actions) / bts.propensity, _MOST_WEIGHT)
    estimate = snips(weight, bts.reward, bts.people)
    truth = float(random.reward.mean())
    name = "open bandit uniform items, from the bts log"
    note(f"{name}: {_shown(estimate)}, measured {_PERCENT * truth:.3f} %")
    return _row(name, "% of impressions", estimate, "measured", truth)


def _rows(name: str, result: Judged, against: str | None) -> Iterator[Row]:
    unit = "% of people" if name.startswith("hillstrom") else "% of impressions"
    yield _row(f"{name}, SNIPS", unit, result.snips)
    yield _row(f"{name}, DR", unit, result.doubly_robust)
    note(
        f"{name}: SNIPS {_shown(result.snips)}, DR {_shown(result.doubly_robust)}, "
        f"{result.effective_n:,.0f} rows speak for it"
    )
    if against is None:
        return
    gains = (("SNIPS", result.snips_gain), ("DR", result.doubly_robust_gain))
    for estimator, gain in gains:
        yield _row(f"{name} minus {against}, {estimator}", "points", gain)
    verdict = "clear" if result.is_clear else "no claim: an interval includes zero"
    said = ", ".join(f"{estimator} {_shown(gain)}" for estimator, gain in gains)
    note(f"{name} minus {against}: {said}; {verdict}")


def _row(
    name: str,
    unit: str,
    estimate: Estimate,
    peer: str | None = None,
    measured: float | None = None,
) -> Row:
    return Row(
        name=name,
        value=_PERCENT * estimate.value,
        unit=unit,
        peer=peer,
        ratio=None if measured is None else estimate.value / measured,
        target=None,
        reached=None,
        n_runs=1,
        low=_PERCENT * estimate.low,
        high=_PERCENT * estimate.high,
    )


def _shown(estimate: Estimate) -> str:
    value, low, high = (
        _PERCENT * each for each in (estimate.value, estimate.low, estimate.high)
    )
    return f"{value:.3f} % ({low:.3f} to {high:.3f})"
