"""Creative space + seed -> a first version, taught by the library: no clicks yet."""

import time
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from model_export.critic import taste
from model_export.critic.critic_state import CriticState
from model_export.critic.selector import THOMPSON_SCALE
from model_export.critic.taste import TasteModel
from model_export.generators.catalogue import MODELS
from model_export.generators.checkpoint import Model, build, recipe_of
from model_export.generators.export import (
    N_DRAWS,
    OPSET,
    Served,
    code_version,
    export,
)
from model_export.generators.library import SIZE, library_conditions, make_library
from model_export.generators.recipe import Examples
from model_export.jobs import gates
from model_export.space.design_space import DesignSpace, Vectors
from model_export.store.registry import Registry, RegistryError, Version
from schemas.records import Verdict

Floats = NDArray[np.float32]

_COPIES = 3
"""Different people each creative of the library is shown to."""


def library_people(space: DesignSpace, seed: int) -> Floats:
    """Return people that creatives were made for: float32[3000, 71]."""
    library = make_library(space, seed)
    rng = np.random.default_rng([seed, 3])
    return np.concatenate([library_conditions(library, rng) for _ in range(_COPIES)])


def library_examples(
    designs: Vectors, space: DesignSpace, seed: int, who: TasteModel
) -> Examples:
    """Return a library's designs with people they were made for, 3,000 rows.

    Args:
        designs: float32[n, D]; they are repeated in their order.
        space: creative space.
        seed: of the people.
        who: tells the people's features.
    """
    person = who.features(library_people(space, seed))
    rows = np.arange(len(person)) % len(designs)
    return Examples(torch.from_numpy(designs[rows]), torch.from_numpy(person))


def pretrained(
    kind: str,
    space: DesignSpace,
    seed: int,
    fitted: TasteModel | None = None,
    library: Vectors | None = None,
) -> tuple[Model, float]:
    """Return a model taught by the library, and its last loss.

    Args:
        kind: one of `RECIPES`.
        space: creative space.
        seed: of everything random.
        fitted: taste model to use; None takes a seeded one.
        library: past designs float32[n, D]; None makes some up.
    """
    who = fitted or taste.seeded(np.random.default_rng([seed, 4]))
    designs = make_library(space, seed).designs if library is None else library
    networks = build(kind, space, who.n_features, seed)
    examples = library_examples(designs, space, seed, who)
    loss = recipe_of(kind).pretrain(networks, examples, seed)
    known = CriticState.none(who, space)
    return Model(kind, space, seed, designs, networks, known), loss


def card(
    model: Model, verdicts: list[Verdict], created_at: int, **more: Any
) -> dict[str, Any]:
    """Return a model card; docs/generators.md explains its fields."""
    return {
        "kind": model.kind,
        "parent_version": None,
        "created_at": created_at,
        "seed": model.seed,
        "adloom": code_version(),
        "opset": OPSET,
        "space": model.space.name,
        "space_sha256": model.space.digest,
        "vocabulary": model.critic_state.taste.ids.digest,
        "library": {"origin": "generated", "seed": model.seed, "n": SIZE},
        "taste": model.critic_state.taste.origin,
        "n_draws": N_DRAWS,
        "thompson_scale": THOMPSON_SCALE,
        "n_examples": model.critic_state.critic.n_examples,
        "n_clicks": model.critic_state.critic.n_clicks,
        "honesty": asdict(model.critic_state.ranking),
        "calibration_shift": model.critic_state.calibration.shift,
        "ranges": [],
        "learnt_to": {},
        "passed": gates.passed(verdicts),
        "verdicts": [asdict(verdict) for verdict in verdicts],
        **more,
    }


def pretrain(
    registry: Registry, name: str, space: DesignSpace, seed: int, created_at: int
) -> Version:
    """Return the model's champion, training and promoting version 1 if there is none.

    A version that a killed run left unpromoted is taken up instead of trained again.

    Raises:
        RegistryError: the store failed, or the new version did not pass its gates.
    """
    champion = registry.champion(name)
    if champion is not None:
        return champion
    if name not in MODELS:
        raise RegistryError(
            f"{name}: no champion, and no recipe of that name; expected one of "
            f"{list(MODELS)}, or `adloom models import` and `promote` first"
        )
    version = _left_over(registry, name, space, seed)
    if version is None:
        version = _train(registry, name, space, seed, created_at)
    try:
        registry.promote(
            name, version.version, at=created_at, reason="pre-trained", first=True
        )
    except RegistryError:
        champion = registry.champion(name)  # somebody else was first
        if champion is None:
            raise
        return champion
    return version


def _left_over(
    registry: Registry, name: str, space: DesignSpace, seed: int
) -> Version | None:
    for number in registry.versions(name):
        found = registry.card(name, number)
        same = (found["space_sha256"], found["seed"]) == (space.digest, seed)
        if same and found["parent_version"] is None and found["passed"]:
            return registry.find(name, number)
    return None


def _train(
    registry: Registry, name: str, space: DesignSpace, seed: int, created_at: int
) -> Version:
    started = time.monotonic()
    model, loss = pretrained(MODELS[name], space, seed)
    files = export(model)
    people = library_people(space, seed)[: gates.N_PEOPLE]
    verdicts = gates.library_gates(model, Served(files), people)
    metrics = {"loss": loss, "seconds": round(time.monotonic() - started, 3)}
    return registry.add(name, files, card(model, verdicts, created_at, metrics=metrics))
