"""An advertiser's log + a version -> a candidate that has learnt from it.

The log enters through the same update as feedback. What it can teach depends on how
designs were assigned. Known propensities are fine, and so is a near-random assignment;
where each kind of person was shown designs of their own, whoever they are and what they
were shown cannot be told apart, and the log is refused.
"""

from dataclasses import asdict
from math import sqrt
from typing import Any

import numpy as np

from model_export.feedback.dataset import FeedbackArrays
from model_export.feedback.impression_log import LogError
from model_export.generators import checkpoint
from model_export.generators.export import Served, export
from model_export.generators.surfaces import on_our_surfaces
from model_export.jobs import fine_tune, gates
from model_export.jobs.pretrain import card
from model_export.space.conditioning import N_CATEGORIES
from model_export.store.model_files import check_files
from model_export.store.registry import Registry

LEAST_CLICKS = 50
MOST_EXPLAINED = 0.1
"""Share of a design column's variance that people's behaviour may explain."""

_STILL = 1e-6
"""Deviation of a column that does not vary."""

_Z = 5.0
"""Normal deviates by which a dependence has to be sure."""


def warm_start(
    registry: Registry, name: str, log: FeedbackArrays, seed: int, created_at: int
) -> dict[str, Any]:
    """Teach the champion a log; add and return the candidate's number and verdicts.

    Args:
        registry: where the champion is, and the candidate goes.
        name: model.
        log: past impressions.
        seed: of tuning.
        created_at: epoch ms.

    Raises:
        LogError: the log teaches nothing, or would mislead.
        RegistryError: there is no champion, or it cannot be trusted.
    """
    champion = registry.champion(name)
    if champion is None:
        raise LogError(f"{name}: no champion to teach; pre-train one first")
    files = registry.read(name, champion.version, champion.sha256)
    base = on_our_surfaces(checkpoint.from_files(files, check_files(files).space))
    refuse_useless(log)
    model, loss = fine_tune.tuned(base, log, seed)
    content = export(model)
    served = Served(content)
    verdicts = [
        *gates.library_gates(model, served, log.condition[: gates.N_PEOPLE]),
        *model.critic_state.verdicts(model.space),
    ]
    details: dict[str, Any] = {
        "parent_version": champion.version,
        "learnt_to": check_files(files).card["learnt_to"],
        "shown_from": int(log.shown_at.min()),
        "shown_to": int(log.shown_at.max()),
        "job_examples": len(log),
        "job_clicks": int(log.clicked.sum()),
        "warm_start": True,
        "metrics": {"loss": loss},
    }
    added = registry.add(name, content, card(model, verdicts, created_at, **details))
    return {
        "version": added.version,
        "sha256": added.sha256,
        "passed": gates.passed(verdicts),
        "n_examples": len(log),
        "n_clicks": int(log.clicked.sum()),
        "verdicts": [asdict(verdict) for verdict in verdicts],
    }


def refuse_useless(log: FeedbackArrays) -> None:
    """Raise LogError when a log's assignment makes it useless.

    Args:
        log: past impressions.
    """
    n_clicks = int(log.clicked.sum())
    if n_clicks < LEAST_CLICKS or n_clicks == len(log):
        raise LogError(
            f"{n_clicks} clicks in {len(log)} impressions: expected at least "
            f"{LEAST_CLICKS} clicks and some impressions without one"
        )
    varied = np.ptp(log.design, 0) > _STILL
    if not varied.any():
        raise LogError(
            "every impression shows the same design: expected several, or there is "
            "nothing to compare"
        )
    if np.isfinite(log.propensity).all():
        return
    share, deviates = dependence(log.design[:, varied], log.condition[:, :N_CATEGORIES])
    if share > MOST_EXPLAINED and deviates > _Z:
        raise LogError(
            f"people's behaviour explains {share:.0%} of which design they were "
            f"shown: expected at most {MOST_EXPLAINED:.0%} (near-random), or the "
            "propensity of every impression; otherwise who was shown a design and what "
            "it does cannot be told apart"
        )


def dependence(design: np.ndarray, behaviour: np.ndarray) -> tuple[float, float]:
    """Return how much of the most assigned design column behaviour explains.

    The share of its variance that a linear regression explains beyond chance, and by
    how many deviates it is beyond: n times it has a chi-square distribution by chance.

    Args:
        design: [n, D], columns that vary.
        behaviour: [n, B].
    """
    n = len(design)
    known = behaviour[:, behaviour.std(0) > _STILL].astype(np.float64)
    freedom = known.shape[1]
    if not freedom:
        return 0.0, 0.0
    left = (design - design.mean(0)) / design.std(0)
    right, _ = np.linalg.qr(known - known.mean(0))
    explained = ((left.T @ right) ** 2).sum(1) / n  # (D,)
    most = float(explained.max())
    return most - freedom / n, (n * most - freedom) / sqrt(2.0 * freedom)
