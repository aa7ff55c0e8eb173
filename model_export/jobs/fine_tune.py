"""Champion + rewarded feedback -> candidate version with its verdicts.

The critic first learns from the job's feedback; the generator is then tuned by the
critic and by the designs that were clicked; the gates judge what comes out.
"""

import copy
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from model_export.critic import taste
from model_export.feedback import dataset
from model_export.feedback.dataset import FeedbackArrays, FineTuneError
from model_export.generators import checkpoint
from model_export.generators.checkpoint import Model, recipe_of
from model_export.generators.export import Served, export
from model_export.generators.networks import ClickScore
from model_export.generators.pools import draw_pools
from model_export.generators.recipe import Examples, Networks, TuningSet
from model_export.generators.surfaces import on_our_surfaces
from model_export.jobs import feedback_gates, gates
from model_export.jobs.order import FeedbackRead
from model_export.jobs.pretrain import card, library_examples, pretrained
from model_export.store.model_files import check_files
from model_export.store.registry import Registry
from schemas.records import FineTuneJob, Verdict

REFIT_EXAMPLES = 1_000
"""Feedback from which the taste model is fitted, once."""


@dataclass(frozen=True)
class Candidate:
    """What a job made; the trainer puts it into a ModelRelease."""

    version: int
    sha256: str
    base_version: int
    passed: bool
    verdicts: tuple[Verdict, ...]
    n_examples: int
    n_clicks: int
    seconds: float


def fine_tune(
    registry: Registry, job: FineTuneJob, read: FeedbackRead, created_at: int
) -> Candidate:
    """Tune a version on feedback, judge the result, and add it to the registry.

    The candidate is added whatever the gates say; `Registry.promote` refuses it when
    one of them failed.

    Args:
        registry: where the base version is, and the candidate goes.
        job: base version, ranges and seed.
        read: the feedback of the job's ranges.
        created_at: epoch ms.

    Raises:
        FineTuneError: no usable feedback.
        RegistryError: no such base version, or it cannot be trusted.
        ModelFileError: the base version is not a model.
    """
    started = time.monotonic()
    files = registry.read(job.model_name, job.base_version)
    trained = checkpoint.from_files(files, check_files(files).space)
    base = on_our_surfaces(trained)
    feedback = dataset.from_feedback(
        read.records, base.space, learnt=base.critic_state.labels
    )
    judged = dataset.held_out_of(base.seed, feedback.users)
    taught = feedback.rows(~judged)
    if not len(taught):
        raise FineTuneError(
            f"job {job.job_id}: none of {len(read.records)} feedback records can be "
            f"learnt from; left out: {feedback.skipped}"
        )
    model, loss = tuned(base, taught, job.seed)
    content = export(model)
    served, champion = Served(content), Served(files)
    verdicts = [
        *verdicts_of(model, served, champion, taught, feedback.rows(judged), job.seed),
        *model.critic_state.verdicts(model.space),
    ]
    metrics = _metrics(model, served, champion, taught, job.seed)
    details: dict[str, Any] = {
        "parent_version": job.base_version,
        "job_id": job.job_id,
        "job_seed": job.seed,
        "ranges": [asdict(part) for part in job.ranges],
        "learnt_to": learnt_to(check_files(files).card, job),
        "shown_from": int(feedback.shown_at.min()),
        "shown_to": int(feedback.shown_at.max()),
        "job_examples": len(feedback),
        "job_clicks": int(feedback.clicked.sum()),
        "skipped": {**feedback.skipped, "undecodable": read.n_undecodable},
        "metrics": {**metrics, "loss": loss},
    }
    version = registry.add(
        job.model_name, content, card(model, verdicts, created_at, **details)
    )
    return Candidate(
        version=version.version,
        sha256=version.sha256,
        base_version=job.base_version,
        passed=gates.passed(verdicts),
        verdicts=tuple(verdicts),
        n_examples=len(feedback),
        n_clicks=int(feedback.clicked.sum()),
        seconds=round(time.monotonic() - started, 3),
    )


def learnt_to(card: Mapping[str, Any], job: FineTuneJob) -> dict[str, int]:
    """Return feedback partition -> next offset that a job's version does not know.

    Args:
        card: of the version that the job starts from.
        job: the job.
    """
    ends = {str(part.partition): part.end for part in job.ranges}
    return {**card["learnt_to"], **ends}


def tuned(
    base: Model, feedback: FeedbackArrays, seed: int, *, is_trusted: bool = False
) -> tuple[Model, float]:
    """Return the model after the feedback, and the recipe's last loss.

    The critic always learns. The generator follows it only while the critic's pairwise
    accuracy on feedback that it had not seen is above chance. The base stays as it is.

    Args:
        base: what is tuned.
        feedback: what it learns from.
        seed: of everything random.
        is_trusted: tune the generator whatever the evidence.
    """
    model = _refitted(base, feedback)
    if model is not base and feedback.key is not None:
        # What was forgotten needs no correction.
        feedback = feedback.rows(np.isnan(base.critic_state.labels.find(feedback.key)))
    model = model.taught(feedback)
    is_trusted = is_trusted or model.critic_state.ranking.is_above_chance
    if model.networks is None or not is_trusted:
        return model, 0.0
    networks = Networks(
        copy.deepcopy(model.networks.generator),
        copy.deepcopy(model.networks.partner),
        model.networks.anchor,
    )
    model = replace(model, networks=networks)
    loss = recipe_of(model.kind).tune(networks, _tuning_set(model, feedback), seed)
    return model, loss


def verdicts_of(
    model: Model,
    served: Served,
    champion: Served,
    taught: FeedbackArrays,
    judged: FeedbackArrays,
    seed: int,
) -> list[Verdict]:
    """Return every gate's verdict on a candidate.

    Args:
        model: the candidate, torch side.
        served: the candidate, exported.
        champion: the version it was tuned from.
        taught: feedback that it learnt from.
        judged: feedback of held-out people.
        seed: of random pools.
    """
    people = taught.condition[: gates.N_PEOPLE]
    # A base rate of a few impressions must not be 0: add half a click each way.
    base_rate = float((taught.clicked.sum() + 0.5) / (len(taught) + 1.0))
    return [
        *gates.library_gates(model, served, people),
        feedback_gates.held_out(served, judged, base_rate),
        feedback_gates.off_policy_value(served, champion, model.space, judged, seed),
    ]


def _refitted(base: Model, feedback: FeedbackArrays) -> Model:
    """Return the base with its taste model fitted to real people, the first time.

    A seeded taste model is blind to who comes. Once enough people have come it is
    fitted to them and then frozen: everything learnt is in its coordinates. For the
    same reason an imported generator, which knows the old ones only, keeps them; the
    library is taught again, and the critic's sums start anew: numbers
    about the old coordinates mean nothing in the new ones.
    """
    is_fitted = base.critic_state.taste.origin == "fitted"
    if is_fitted or base.networks is None or len(feedback) < REFIT_EXAMPLES:
        return base
    fitted = taste.fit(feedback.condition, base.seed)
    model, _ = pretrained(base.kind, base.space, base.seed, fitted, base.library)
    return model


def _tuning_set(model: Model, feedback: FeedbackArrays) -> TuningSet:
    person = torch.from_numpy(model.critic_state.taste.features(feedback.condition))
    clicked = feedback.clicked > 0
    return TuningSet(
        people=person,
        clicked=Examples(torch.from_numpy(feedback.design[clicked]), person[clicked]),
        clicked_weight=torch.from_numpy(feedback.weight[clicked]),
        library=library_examples(
            model.library, model.space, model.seed, model.critic_state.taste
        ),
        score=ClickScore(
            model.critic_state.critic.layout, model.critic_state.critic.mean()
        ),
    )


def _metrics(
    model: Model, served: Served, champion: Served, taught: FeedbackArrays, seed: int
) -> dict[str, float]:
    """Return what the new critic expects of the old and the new proposals.

    Its own prediction of what it optimised: a sign of movement, never a reason to
    promote.
    """
    people = taught.condition[: gates.N_PEOPLE]
    answer = {}
    for name, generator in (("base", champion), ("candidate", served)):
        rng = np.random.default_rng([seed, 6])
        pools = draw_pools(generator, model.space, generator.person(people), rng)
        n, size, _ = pools.shape
        person = np.repeat(model.critic_state.taste.features(people), size, 0)
        logits = model.critic_state.critic.logits(pools.reshape(n * size, -1), person)
        answer[f"expected_{name}"] = float((1.0 / (1.0 + np.exp(-logits))).mean())
    return answer
