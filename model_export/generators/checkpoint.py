"""A model in training <-> safetensors bytes: everything needed to go on."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

import torch

from model_export.critic import file as critic_file
from model_export.critic.critic_state import CriticState, LabelledImpressions
from model_export.generators.catalogue import IMPORTED, RECIPES
from model_export.generators.recipe import Networks, Recipe
from model_export.space.design_space import DesignSpace, Vectors
from model_export.store.model_files import CHECKPOINT, CRITIC_STATE, GENERATOR
from model_export.store.onnx_file import ModelFileError

_FORMAT = "adloom-checkpoint-3"
_LIBRARY = "library"


@dataclass(frozen=True)
class Model:
    """A generator and its critic, in training."""

    kind: str
    """One of `RECIPES`, or imported."""
    space: DesignSpace
    seed: int
    """Of pre-training: it also chooses the held-out people."""
    library: Vectors
    """float32[n, D]: the advertiser's past designs."""
    networks: Networks | None
    """None: somebody else trained it."""
    critic_state: CriticState
    foreign: bytes = b""
    """generator.onnx of an imported model."""

    @property
    def trained(self) -> Networks:
        """The networks of a model that was trained here.

        Raises:
            ModelFileError: it was not.
        """
        if self.networks is None:
            raise ModelFileError(f"{self.kind} model: expected one trained here")
        return self.networks

    def taught(self, labelled: LabelledImpressions) -> "Model":
        """Return the model whose critic has learnt; its generator stays."""
        return replace(self, critic_state=self.critic_state.after(labelled, self.space))


def recipe_of(kind: str) -> Recipe:
    """Return how a kind of generator is trained.

    Raises:
        ModelFileError: there is no such kind.
    """
    if kind not in RECIPES:
        raise ModelFileError(f"kind {kind!r}: expected one of {list(RECIPES)}")
    recipe: Recipe = cast("Recipe", importlib.import_module(RECIPES[kind]))
    return recipe


def build(kind: str, space: DesignSpace, n_features: int, seed: int) -> Networks:
    """Return untrained networks, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return recipe_of(kind).build(space, n_features)


def to_files(model: Model) -> dict[str, bytes]:
    """Return a model as checkpoint.safetensors and critic.safetensors."""
    modules = model.networks.modules() if model.networks else {}
    tensors = {_LIBRARY: model.library} | {
        f"{name}.{key}": tensor.numpy(force=True)
        for name, network in modules.items()
        for key, tensor in network.state_dict().items()
    }
    header = {
        "format": _FORMAT,
        "kind": model.kind,
        "space_sha256": model.space.digest,
        "seed": model.seed,
    }
    return {
        CHECKPOINT: critic_file.save(tensors, header),
        CRITIC_STATE: critic_file.to_bytes(model.critic_state),
    }


def from_files(files: Mapping[str, bytes], space: DesignSpace) -> Model:
    """Return the model of a version's files.

    Raises:
        ModelFileError: not a checkpoint of this creative space.
    """
    missing = {CHECKPOINT, CRITIC_STATE} - files.keys()
    if missing:
        raise ModelFileError(f"version without {sorted(missing)}: it cannot be trained")
    critic_state = critic_file.from_bytes(files[CRITIC_STATE], space)
    header, tensors = critic_file.load(files[CHECKPOINT], _FORMAT)
    try:
        if header["space_sha256"] != space.digest:
            raise ModelFileError(
                f"checkpoint of the creative space {header['space_sha256']}: expected "
                f"{space.digest}"
            )
        kind, seed, library = header["kind"], header["seed"], tensors[_LIBRARY]
        if kind == IMPORTED:
            foreign = files[GENERATOR]
            return Model(kind, space, seed, library, None, critic_state, foreign)
        networks = build(kind, space, critic_state.taste.n_features, seed)
        for name, network in networks.modules().items():
            prefix = f"{name}."
            network.load_state_dict(
                {
                    key.removeprefix(prefix): torch.from_numpy(part.copy())
                    for key, part in tensors.items()
                    if key.startswith(prefix)
                }
            )
        model = Model(kind, space, seed, library, networks, critic_state)
    except (KeyError, ValueError, RuntimeError) as error:
        raise ModelFileError(f"checkpoint cannot be used: {error}") from error
    return model
