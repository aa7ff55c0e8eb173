"""Candidate version -> verdicts: what a model must show before people see it.

Each gate returns one `Verdict`, a row of the release record and of the analytics. A
candidate passes when none says `fail`; `unsure` leaves the decision to the canary.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model_export.generators import export as onnx_export
from model_export.generators.checkpoint import Model
from model_export.generators.export import MAX_DIFFERENCE, MAX_TASTE_DIFFERENCE, Served
from model_export.generators.pools import diversity, draw_pools
from schemas.records import GateResult, Verdict
from schemas.vocabulary import deployed

MIN_DIVERSITY = 0.15
"""Least difference within a pool, in units of random designs."""

MAX_VIOLATIONS = 0.25
"""Largest share of proposals that hard rules may have to drop."""

N_PEOPLE = 256
"""Conditions that a gate looks at."""

Floats = NDArray[np.float32]


def passed(verdicts: Sequence[Verdict]) -> bool:
    """Return True when no gate failed."""
    return all(verdict.result != "fail" for verdict in verdicts)


def finite(model: Model, served: Served, condition: Floats) -> Verdict:
    """Refuse weights, critic sums or outputs that are not finite numbers."""
    networks = model.networks.modules().values() if model.networks else ()
    bad = sum(
        int((~parameter.isfinite()).sum())
        for network in networks
        for parameter in network.state_dict().values()
    )
    bad += int((~np.isfinite(model.critic_state.critic.precision)).sum())
    bad += int((~np.isfinite(model.critic_state.critic.eta)).sum())
    rng = np.random.default_rng(0)
    person = served.person(condition)
    pools = draw_pools(served, model.space, person, rng, size=2)
    outputs = served.score(np.ascontiguousarray(pools[:, 0]), person)
    bad += int((~np.isfinite(pools)).sum() + (~np.isfinite(outputs)).sum())
    return _at_most("finite", float(bad), 0.0, "numbers that are not finite")


def parity(model: Model, served: Served, condition: Floats) -> Verdict:
    """Refuse an export that does not compute what torch does."""
    difference = onnx_export.parity(model, served, condition, seed=0)
    taste = onnx_export.taste_parity(model, served, condition, seed=0)
    ratio = max(difference / MAX_DIFFERENCE, taste / MAX_TASTE_DIFFERENCE)
    return _at_most(
        "parity",
        ratio * MAX_DIFFERENCE,
        MAX_DIFFERENCE,
        f"largest |torch - onnxruntime|: {difference:.1e}; of a person's features, "
        f"{taste:.1e} of {MAX_TASTE_DIFFERENCE:.0e}",
    )


def pool_diversity(model: Model, served: Served, condition: Floats) -> Verdict:
    """Refuse a collapsed generator: a pool of one design starves the selector."""
    rng = np.random.default_rng(1)
    person = served.person(condition)
    value = diversity(model.space, draw_pools(served, model.space, person, rng))
    result: GateResult = "pass" if value >= MIN_DIVERSITY else "fail"
    return Verdict(
        gate="diversity",
        result=result,
        value=value,
        threshold=MIN_DIVERSITY,
        detail="difference within a pool; 1 is random designs, 0 is one design",
    )


def rule_violations(model: Model, served: Served, condition: Floats) -> Verdict:
    """Refuse a generator whose proposals the hard rules would mostly drop."""
    rng = np.random.default_rng(2)
    pools = draw_pools(served, model.space, served.person(condition), rng)
    n_people, size, _ = pools.shape
    ids = deployed().categories
    categories: list[str] = rng.choice(ids, n_people).tolist()
    broken = model.space.violations(
        pools.reshape(n_people * size, -1),
        [category for category in categories for _ in range(size)],
    ).any(1)
    empty = int(broken.reshape(n_people, size).all(1).sum())
    return _at_most(
        "rule_violations",
        float(broken.mean()),
        MAX_VIOLATIONS,
        f"share of proposals that break a rule; {empty} of {n_people} pools empty",
    )


def library_gates(model: Model, served: Served, condition: Floats) -> list[Verdict]:
    """Return the verdicts that need no feedback.

    An imported generator has no torch side that its export could differ from.

    Args:
        model: the torch side.
        served: the exported side.
        condition: float32[n, 71], conditions to look at.
    """
    judged = [finite, parity, pool_diversity, rule_violations]
    if model.networks is None:
        judged.remove(parity)
    return [gate(model, served, condition) for gate in judged]


def _at_most(gate: str, value: float, threshold: float, detail: str) -> Verdict:
    # NaN is not at most anything.
    result: GateResult = "pass" if value <= threshold else "fail"
    return Verdict(
        gate=gate, result=result, value=value, threshold=threshold, detail=detail
    )
