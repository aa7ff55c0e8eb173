"""A model in training -> the files of a version, and proof: torch == onnxruntime."""

import importlib.metadata
from collections.abc import Mapping

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from model_export import checkpoint, onnx_graph
from model_export.checkpoint import Model
from model_export.conditioning import random_people
from model_export.model_files import CHECKPOINT, CRITIC, GENERATOR, LATENT, SPACE
from model_export.networks import ClickScore
from model_export.onnx_graph import OPSET
from model_export.selector import ScoreWeights

N_DRAWS = 16
"""Posterior draws in critic.onnx."""

MAX_DIFFERENCE = 1e-5
"""Largest |torch - onnxruntime| that is taken for equal."""

Floats = NDArray[np.float32]


def export(model: Model) -> dict[str, bytes]:
    """Return the files of a version but for its card; the same bytes every time."""
    weights = _score_weights(model)
    metadata = {
        "adloom": code_version(),
        "kind": model.kind,
        "space_sha256": model.space.digest,
    }
    return {
        GENERATOR: onnx_graph.generator_model(
            model.networks.generator, model.space, model.projection, metadata
        ),
        CRITIC: onnx_graph.critic_model(
            weights, model.space, model.projection, metadata
        ),
        SPACE: model.space.source.encode(),
        CHECKPOINT: checkpoint.to_bytes(model),
    }


def parity(model: Model, served: "Served", condition: Floats, seed: int) -> float:
    """Return the largest |torch - onnxruntime| over all outputs.

    Args:
        model: the torch side.
        served: the exported side.
        condition: float32[n, 70], real conditions; as many random people are added.
        seed: of latents, designs and random conditions.
    """
    rng = np.random.default_rng(seed)
    both = np.concatenate([condition, random_people(len(condition), rng)])
    z = rng.normal(size=(len(both), LATENT)).astype(np.float32)
    design = model.space.random(len(both), rng)
    score = ClickScore(model.space, model.projection, _score_weights(model))
    with torch.no_grad():
        expected = [
            *model.networks.generator(torch.from_numpy(z), torch.from_numpy(both)),
            score(torch.from_numpy(design), torch.from_numpy(both)),
        ]
    got = [*served.generate(z, both), served.score(design, both)]
    return max(
        float(np.abs(left.numpy() - right).max(initial=0.0))
        for left, right in zip(expected, got, strict=True)
    )


def code_version() -> str:
    """Return the version of the installed distribution."""
    try:
        return importlib.metadata.version("adloom")
    except importlib.metadata.PackageNotFoundError:
        return "source"


class Served:
    """The exported networks on onnxruntime, one thread: what the gates judge."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._generator = _session(files[GENERATOR])
        self._critic = _session(files[CRITIC])

    def generate(self, z: Floats, condition: Floats) -> tuple[Floats, Floats]:
        """Return logits [n, NV] and continuous [n, NC]."""
        logits, continuous = self._generator.run(
            ["logits", "continuous"], {"z": z, "condition": condition}
        )
        return logits, continuous

    def score(self, design: Floats, condition: Floats) -> Floats:
        """Return the click logit of each draw: [n, S]."""
        feed = {"design": design, "condition": condition}
        score: Floats = self._critic.run(["score"], feed)[0]
        return score


def _session(content: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        content, options, providers=["CPUExecutionProvider"]
    )


def _score_weights(model: Model) -> ScoreWeights:
    rng = np.random.default_rng([model.seed, model.critic.n_examples, 2])
    return model.critic.score_weights(model.critic.draws(N_DRAWS, rng))


__all__ = [
    "MAX_DIFFERENCE",
    "N_DRAWS",
    "OPSET",
    "Served",
    "code_version",
    "export",
    "parity",
]
