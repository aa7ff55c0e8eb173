"""A model in training -> the files of a version, and proof: torch == onnxruntime."""

import importlib.metadata
from collections.abc import Mapping

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from model_export.critic import posterior
from model_export.critic.layout import N_HOUR, Layout
from model_export.critic.posterior import N_DRAWS
from model_export.generators import checkpoint, network_graphs
from model_export.generators.checkpoint import Model
from model_export.generators.networks import ClickScore
from model_export.generators.onnx_graph import OPSET
from model_export.space.conditioning import moved, random_people
from model_export.space.design_space import DesignSpace
from model_export.store.model_files import (
    CRITIC,
    GENERATOR,
    LATENT,
    PERSON,
    POSTERIOR,
    SPACE,
    VOCABULARY,
    ids_in,
)
from schemas.vocabulary import Ids, deployed

MAX_DIFFERENCE = 1e-5
"""Largest |torch - onnxruntime| that is taken for equal."""

MAX_TASTE_DIFFERENCE = 1e-3
"""Largest difference of a person's features: Newton in single against double precision,
of numbers whose spread is one."""

Floats = NDArray[np.float32]


def export(model: Model) -> dict[str, bytes]:
    """Return the files of a version but for its card; the same bytes every time."""
    metadata = {
        "adloom": code_version(),
        "kind": model.kind,
        "space_sha256": model.space.digest,
        VOCABULARY: model.critic_state.taste.ids.to_json(),
    }
    return {
        PERSON: network_graphs.person_model(model.critic_state.taste, metadata),
        GENERATOR: model.foreign
        or network_graphs.generator_model(
            model.trained.generator,
            model.space,
            model.critic_state.taste.n_features,
            metadata,
        ),
        CRITIC: network_graphs.critic_model(model.critic_state.critic.layout, metadata),
        POSTERIOR: posterior.to_bytes(model.critic_state.draws(model.seed)),
        SPACE: model.space.source.encode(),
        **checkpoint.to_files(model),
    }


def parity(model: Model, served: "Served", condition: Floats, seed: int) -> float:
    """Return the largest |torch - onnxruntime| of generator and critic.

    Args:
        model: the torch side.
        served: the exported side.
        condition: float32[n, 71], real conditions; as many random people are added.
        seed: of latents, designs and random conditions.
    """
    rng = np.random.default_rng(seed)
    both = np.concatenate([condition, random_people(len(condition), rng)])
    z = rng.normal(size=(len(both), LATENT)).astype(np.float32)
    design = model.space.random(len(both), rng)
    person = served.person(both)
    torch_person = torch.from_numpy(person)
    draws = model.critic_state.draws(model.seed)
    with torch.no_grad():
        logits, continuous = model.trained.generator(torch.from_numpy(z), torch_person)
        score = [
            ClickScore(model.critic_state.critic.layout, draw)(
                torch.from_numpy(design), torch_person
            )
            for draw in draws.T.astype(np.float64)
        ]
    expected = [logits, continuous, torch.stack(score, 1)]
    got = [*served.generate(z, person), served.score(design, person)]
    return max(
        float(np.abs(left.numpy() - right).max(initial=0.0))
        for left, right in zip(expected, got, strict=True)
    )


def taste_parity(model: Model, served: "Served", condition: Floats, seed: int) -> float:
    """Return the largest |numpy - onnxruntime| of person features."""
    rng = np.random.default_rng(seed)
    both = np.concatenate([condition, random_people(len(condition), rng)])
    difference = served.person(both) - model.critic_state.taste.features(both)
    return float(np.abs(difference).max(initial=0.0))


def code_version() -> str:
    """Return the version of the installed distribution."""
    try:
        return importlib.metadata.version("adloom")
    except importlib.metadata.PackageNotFoundError:
        return "source"


class Served:
    """The exported networks on onnxruntime, one thread: what the gates judge."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        space = DesignSpace(files[SPACE].decode(), SPACE)
        self._person = session(files[PERSON])
        self._ids = ids_in(self._person.get_modelmeta().custom_metadata_map)
        self.layout = layout_of(space, self._person, self._ids)
        self._generator = session(files[GENERATOR])
        self._critic = session(files[CRITIC])
        # Not through posterior.from_bytes: that refuses what a gate is to report.
        flat = np.frombuffer(files[POSTERIOR], "<f4").astype(np.float32)
        self._draws = flat.reshape(self.layout.n_weights, -1)

    def person(self, condition: Floats) -> Floats:
        """Return person features [n, N]."""
        known = moved(condition, deployed().ids, self._ids, deployed().maps)
        person: Floats = self._person.run(["person"], {"condition": known})[0]
        return person

    def generate(self, z: Floats, person: Floats) -> tuple[Floats, Floats]:
        """Return logits [n, NV] and continuous [n, NC]."""
        logits, continuous = self._generator.run(
            ["logits", "continuous"], {"z": z, "person": person}
        )
        return logits, continuous

    def score(self, design: Floats, person: Floats) -> Floats:
        """Return the click logit of each draw: [n, S].

        n is a multiple of the people: one counts for n / m designs.
        """
        worth, base = self._critic.run(
            ["worth", "base"], {"person": person, "weights": self._draws}
        )  # (m, F, S), (m, S)
        looks = self.layout.looks(design).reshape(len(person), -1, worth.shape[1])
        score: Floats = looks @ worth + base[:, None]  # (m, n / m, S)
        return score.reshape(len(design), -1)


def layout_of(
    space: DesignSpace, person: onnxruntime.InferenceSession, ids: Ids
) -> Layout:
    """Return the critic's layout, from the features that person.onnx returns."""
    n_features, n_surfaces = person.get_outputs()[0].shape[1], len(ids.surfaces)
    return Layout.of(space, n_features - n_surfaces - N_HOUR, n_surfaces)


def session(content: bytes) -> onnxruntime.InferenceSession:
    """Return an ONNX file ready to run, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        content, options, providers=["CPUExecutionProvider"]
    )


__all__ = [
    "MAX_DIFFERENCE",
    "N_DRAWS",
    "OPSET",
    "Served",
    "code_version",
    "export",
    "parity",
    "taste_parity",
]
