"""A model in training <-> safetensors bytes: everything needed to go on."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from model_export.critic import file as critic_file
from model_export.critic.knowledge import Knowledge, Lessons
from model_export.generators import gan, vae
from model_export.generators.recipe import Kind, Networks, Recipe
from model_export.space.design_space import DesignSpace, Vectors
from model_export.store.model_files import CHECKPOINT, CRITIC_STATE
from model_export.store.onnx_file import ModelFileError

RECIPES: dict[Kind, Recipe] = {"gan": gan, "vae": vae}

_FORMAT = "adloom-checkpoint-3"
_LIBRARY = "library"


@dataclass(frozen=True)
class Model:
    """A generator and its critic, in training."""

    kind: Kind
    space: DesignSpace
    seed: int
    """Of pre-training: it also chooses the held-out people."""
    library: Vectors
    """float32[n, D]: the advertiser's past designs."""
    networks: Networks
    knowledge: Knowledge

    def taught(self, lessons: Lessons) -> "Model":
        """Return the model whose critic has learnt; its generator stays."""
        return replace(self, knowledge=self.knowledge.after(lessons, self.space))


def build(kind: Kind, space: DesignSpace, n_features: int, seed: int) -> Networks:
    """Return untrained networks, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return RECIPES[kind].build(space, n_features)


def to_files(model: Model) -> dict[str, bytes]:
    """Return a model as checkpoint.safetensors and critic.safetensors."""
    tensors = {_LIBRARY: model.library} | {
        f"{name}.{key}": tensor.numpy(force=True)
        for name, network in model.networks.modules().items()
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
        CRITIC_STATE: critic_file.to_bytes(model.knowledge),
    }


def from_files(files: Mapping[str, bytes], space: DesignSpace) -> Model:
    """Return the model of a version's files.

    Raises:
        ModelFileError: not a checkpoint of this creative space.
    """
    missing = {CHECKPOINT, CRITIC_STATE} - files.keys()
    if missing:
        raise ModelFileError(f"version without {sorted(missing)}: it cannot be trained")
    knowledge = critic_file.from_bytes(files[CRITIC_STATE], space)
    header, tensors = critic_file.load(files[CHECKPOINT], _FORMAT)
    try:
        if header["space_sha256"] != space.digest:
            raise ModelFileError(
                f"checkpoint of the creative space {header['space_sha256']}: expected "
                f"{space.digest}"
            )
        networks = build(
            header["kind"], space, knowledge.taste.n_features, header["seed"]
        )
        for name, network in networks.modules().items():
            prefix = f"{name}."
            network.load_state_dict(
                {
                    key.removeprefix(prefix): torch.from_numpy(part.copy())
                    for key, part in tensors.items()
                    if key.startswith(prefix)
                }
            )
        model = Model(
            header["kind"],
            space,
            header["seed"],
            tensors[_LIBRARY],
            networks,
            knowledge,
        )
    except (KeyError, ValueError, RuntimeError) as error:
        raise ModelFileError(f"checkpoint cannot be used: {error}") from error
    return model
