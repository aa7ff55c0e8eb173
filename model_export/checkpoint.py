"""A model in training <-> safetensors bytes: everything needed to go on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors, save as save_tensors

from model_export import gan, vae
from model_export.design_space import DesignSpace
from model_export.onnx_file import ModelFileError
from model_export.projection import Projection
from model_export.recipe import Kind, Networks, Recipe
from model_export.selector import ClickCritic

RECIPES: dict[Kind, Recipe] = {"gan": gan, "vae": vae}

_FORMAT = "adloom-checkpoint-1"


@dataclass(frozen=True)
class Model:
    """A generator and its critic, in training."""

    kind: Kind
    space: DesignSpace
    seed: int
    """Of pre-training: it also makes the library and chooses the held-out people."""
    projection: Projection
    networks: Networks
    critic: ClickCritic


def build(
    kind: Kind, space: DesignSpace, projection: Projection, seed: int
) -> Networks:
    """Return untrained networks, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return RECIPES[kind].build(space, projection)


def to_bytes(model: Model) -> bytes:
    """Return a model as the content of checkpoint.safetensors."""
    tensors: dict[str, NDArray[Any]] = {
        f"{name}.{key}": tensor.numpy(force=True)
        for name, network in model.networks.modules().items()
        for key, tensor in network.state_dict().items()
    }
    triangle = np.triu_indices_from(model.critic.precision)
    tensors |= {
        "projection.mean": model.projection.mean,
        "projection.matrix": model.projection.matrix,
        "critic.precision": model.critic.precision[triangle],
        "critic.eta": model.critic.eta,
        "critic.variances": model.critic.variances,
    }
    header = {
        "format": _FORMAT,
        "kind": model.kind,
        "space_sha256": model.space.digest,
        "seed": model.seed,
        "projection": model.projection.origin,
        "n_examples": model.critic.n_examples,
        "n_clicks": model.critic.n_clicks,
    }
    contiguous = {name: np.ascontiguousarray(part) for name, part in tensors.items()}
    content: bytes = save_tensors(contiguous, {"adloom": json.dumps(header)})
    return content


def from_bytes(content: bytes, space: DesignSpace) -> Model:
    """Return the model of a checkpoint.

    Raises:
        ModelFileError: not a checkpoint of this creative space.
    """
    try:
        header = _header(content)
        tensors = load_tensors(content)
        if header["format"] != _FORMAT or header["space_sha256"] != space.digest:
            raise ModelFileError(
                f"checkpoint {header['format']} of the creative space "
                f"{header['space_sha256']}: expected {_FORMAT}, {space.digest}"
            )
        return _model(header, tensors, space)
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise ModelFileError(f"checkpoint cannot be used: {error}") from error


def _model(
    header: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]], space: DesignSpace
) -> Model:
    projection = Projection(
        tensors["projection.mean"], tensors["projection.matrix"], header["projection"]
    )
    networks = build(header["kind"], space, projection, header["seed"])
    for name, network in networks.modules().items():
        prefix = f"{name}."
        network.load_state_dict(
            {
                key.removeprefix(prefix): torch.from_numpy(part.copy())
                for key, part in tensors.items()
                if key.startswith(prefix)
            }
        )
    untaught = ClickCritic.untaught(space.n_logits, space.n_continuous)
    upper = np.zeros_like(untaught.precision)
    upper[np.triu_indices_from(upper)] = tensors["critic.precision"]
    critic = ClickCritic(
        layout=untaught.layout,
        variances=tensors["critic.variances"],
        precision=upper + np.triu(upper, 1).T,
        eta=tensors["critic.eta"],
        n_examples=header["n_examples"],
        n_clicks=header["n_clicks"],
    )
    return Model(header["kind"], space, header["seed"], projection, networks, critic)


def _header(content: bytes) -> dict[str, Any]:
    """Return the metadata: safetensors starts with a length and a JSON header."""
    size = int.from_bytes(content[:8], "little")
    raw = json.loads(content[8 : 8 + size])
    header: dict[str, Any] = json.loads(raw["__metadata__"]["adloom"])
    return header
