"""Candidate + held-out feedback -> verdicts on what its critic learnt.

Both gates look only at people whose feedback never taught any version of the model, so
the critic's optimism about its own picks does not enter.
"""

import numpy as np
from numpy.typing import NDArray

from model_export.critic.pick import click_probability, pick_probabilities
from model_export.feedback.dataset import FeedbackArrays
from model_export.generators.export import Served
from model_export.generators.pools import POOL
from model_export.jobs import off_policy
from model_export.jobs.off_policy import Estimate
from model_export.space.design_space import DesignSpace
from schemas.records import GateResult, Verdict

_N_POOLS = 4
"""Random pools averaged for each impression: less noise, same mean."""

_ROWS = 512
"""Impressions scored at once."""

MIN_CLICKERS = 30
"""People who clicked, below which a gate is unsure: with fewer, the normal interval is
too narrow, and a model equal to the champion failed or passed far too often."""


def held_out(served: Served, feedback: FeedbackArrays, base_rate: float) -> Verdict:
    """Judge the critic's log-loss on held-out people against the base rate.

    Args:
        served: the candidate.
        feedback: held-out impressions.
        base_rate: click rate of the training impressions.
    """
    if len(feedback):
        score = served.score(feedback.design, served.person(feedback.condition))
        chance = click_probability(score)
    else:
        chance = np.zeros(0)
    gain = _log_loss(feedback.clicked, np.full(len(feedback), base_rate)) - _log_loss(
        feedback.clicked, chance
    )
    estimate = off_policy.mean_estimate(gain, feedback.users)
    return verdict(
        "held_out",
        estimate,
        f"log-loss gained over the base rate on {len(feedback)} impressions, "
        f"{int(feedback.clicked.sum())} clicks of held-out people",
        _n_clickers(feedback),
    )


def off_policy_value(
    candidate: Served,
    champion: Served,
    space: DesignSpace,
    feedback: FeedbackArrays,
    seed: int,
) -> Verdict:
    """Judge the candidate's picks against the champion's on control traffic.

    The control arm shows uniformly random designs. Put each shown design into a pool
    with 15 more random ones: chance chose it with probability 1/16, a selector with
    the probability that it gives it there, and the ratio is the importance weight. So
    both selectors are valued on one log, as if each had picked from random pools. The
    value is the doubly robust difference in click rate, candidate less champion.

    Args:
        candidate: new version.
        champion: version it was tuned from.
        space: creative space of both.
        feedback: held-out impressions; those of the control arm are used.
        seed: of the random pools.
    """
    control = feedback.rows(feedback.control)
    values = [
        _values(served, candidate, space, control, seed)
        for served in (candidate, champion)
    ]
    estimate = off_policy.mean_estimate(values[0] - values[1], control.users)
    return verdict(
        "off_policy",
        estimate,
        "doubly robust click rate of the candidate's pick less the champion's, on "
        f"{len(control)} control impressions, {int(control.clicked.sum())} clicks of "
        "held-out people",
        _n_clickers(control),
    )


def verdict(gate: str, estimate: Estimate, detail: str, n_clickers: int) -> Verdict:
    """Return pass above zero, fail below, unsure when the interval includes it.

    Also unsure when too few people clicked for the interval to mean anything.

    Args:
        gate: its name.
        estimate: of what is judged; a value that is no number fails.
        detail: what the estimate is of.
        n_clickers: people who clicked among those that it rests on.
    """
    bounded = bool(np.isfinite([estimate.low, estimate.high]).all())
    judged = bounded and n_clickers >= MIN_CLICKERS
    result: GateResult = "unsure"
    if not np.isfinite(estimate.value) or (judged and estimate.high < 0.0):
        result = "fail"
    elif judged and estimate.low > 0.0:
        result = "pass"
    if not judged:
        detail += f": {n_clickers} people clicked, a verdict needs {MIN_CLICKERS}"
    return Verdict(
        gate=gate,
        result=result,
        value=estimate.value,
        threshold=0.0,
        low=estimate.low if bounded else None,
        high=estimate.high if bounded else None,
        detail=detail,
    )


def _n_clickers(feedback: FeedbackArrays) -> int:
    """Return how many people clicked: clicks of one person are not independent."""
    pairs = zip(feedback.users, feedback.clicked, strict=True)
    return len({user for user, clicked in pairs if clicked > 0})


def _values(
    served: Served,
    judge: Served,
    space: DesignSpace,
    control: FeedbackArrays,
    seed: int,
) -> NDArray[np.float64]:
    """Return each impression's doubly robust term for `served`'s pick: [n].

    `judge` predicts rewards, the same for both selectors; it never saw these people.
    """
    rng = np.random.default_rng([seed, 5])  # the same pools for both selectors
    terms = [np.zeros(0)]
    for start in range(0, len(control), _ROWS):
        rows = control.rows(_window(len(control), start))
        weight, expected = np.zeros(len(rows)), np.zeros(len(rows))
        for _ in range(_N_POOLS):
            pools = _random_pools(space, rows, rng)
            pick = pick_probabilities(_score(served, pools, rows))  # (n, K)
            chance = click_probability(_score(judge, pools, rows))  # (n, K)
            weight += POOL * pick[:, 0] / _N_POOLS
            expected += (pick * chance).sum(1) / _N_POOLS
        person = judge.person(rows.condition)
        predicted = click_probability(judge.score(rows.design, person))
        terms.append(expected + weight * (rows.clicked - predicted))
    return np.concatenate(terms)


def _random_pools(
    space: DesignSpace, rows: FeedbackArrays, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return pools [n, K, D]: the shown design first, then random legal ones."""
    categories = [category for category in rows.categories for _ in range(POOL - 1)]
    others = space.random(len(categories), rng, categories)
    return np.concatenate(
        [rows.design[:, None], others.reshape(len(rows), POOL - 1, -1)], 1
    )


def _score(
    served: Served, pools: NDArray[np.float32], rows: FeedbackArrays
) -> NDArray[np.float32]:
    """Return click logits [n, K, S]."""
    n, size, _ = pools.shape
    person = served.person(rows.condition)
    return served.score(pools.reshape(n * size, -1), person).reshape(n, size, -1)


def _window(n: int, start: int) -> NDArray[np.bool_]:
    position = np.arange(n)
    window: NDArray[np.bool_] = (position >= start) & (position < start + _ROWS)
    return window


def _log_loss(
    clicked: NDArray[np.float32], chance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return -log p(outcome): [n], nats."""
    safe = np.clip(chance, 1e-6, 1.0 - 1e-6)
    loss: NDArray[np.float64] = -np.where(clicked > 0, np.log(safe), np.log1p(-safe))
    return loss
