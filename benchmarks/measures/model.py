"""A pre-trained generator -> the creatives stage, ready to answer; made once, kept."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from benchmarks.code_digest import code_digest
from benchmarks.figures import UnavailableError
from model_export.store.champion import in_force
from model_export.store.registry import Registry, Version
from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Creative, ModelRelease
from schemas.vocabulary import deployed
from streams.engine.stage import Incoming
from streams.rendering.renderer import Renderer
from streams.settings import CreativesSettings
from streams.stages.creatives.arms import Arms
from streams.stages.creatives.inference import load
from streams.stages.creatives.messages import CreativeMessages
from streams.stages.creatives.picking import Picker
from streams.stages.creatives.stage import Creatives

MODEL = "creative-gan"
NOW = 1_800_000_000_000

Assets = Literal["inline", "on_demand"]

Answer = Callable[[Sequence[Incoming]], int]
"""Requests -> how many were answered."""


def champion(folder: Path) -> tuple[Path, Version]:
    """Return the store and its champion, pre-trained at the first use of this code.

    Raises:
        UnavailableError: the extra `train` is missing.
    """
    store = folder / "models" / code_digest(["model_export/*.py"])
    if not store.exists():
        command = ("-m", "model_export", "pretrain", "--store", str(store))
        done = subprocess.run(
            [sys.executable, *command, "--model", MODEL], check=False, stdout=sys.stderr
        )
        if done.returncode:
            raise UnavailableError("no model: the extra `train` is needed once")
    version = Registry(str(store)).champion(MODEL)
    if version is None:
        raise UnavailableError(f"no champion in {store}; remove it to train again")
    return store, version


def released(version: Version) -> ModelRelease:
    """Return the record that puts a version in force."""
    return in_force(version, NOW)


def served_model(folder: Path, assets: Assets = "on_demand") -> Answer:
    """Return the creatives stage with a model in force, as a function."""
    store, version = champion(folder)
    model = load(Registry(str(store)), MODEL, version.version, version.sha256)
    settings = CreativesSettings(assets=assets)
    arms = Arms(settings.control_share)
    arms.follow(released(version), {version.version: model})
    messages = CreativeMessages(
        Codec(Creative, LockedIds()).frame,
        model.space,
        deployed(),
        Renderer(),
        n_candidates=settings.candidates,
        with_assets=assets == "inline",
    )
    picker = Picker(settings, model.space)
    stage = Creatives(settings, deployed(), arms, picker, messages)
    return lambda requests: len(stage.step(requests, NOW))
