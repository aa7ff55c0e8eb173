"""Files of a version -> what serving needs, or a refusal. No torch, no onnx.

The registry proves that the bytes are the ones that were added; this proves that they
are a model of Adloom which fits together and reaches outside nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from model_export.space.design_space import DesignSpace, SpaceError
from model_export.store.onnx_file import ModelFileError, OnnxFile
from schemas.vocabulary import Ids, ids_of

__all__ = ["ModelFileError", "ModelFiles", "check_files"]

PERSON = "person.onnx"
GENERATOR = "generator.onnx"
CRITIC = "critic.onnx"
POSTERIOR = "posterior.f32"
CRITIC_STATE = "critic.safetensors"
SPACE = "space.toml"
CHECKPOINT = "checkpoint.safetensors"
CARD = "card.json"
VOCABULARY = "vocabulary"
"""In the metadata of person.onnx: the ids that its conditions are under."""

LATENT = 8
"""Columns of z, the generator's random input: standard normal numbers."""

_NETWORKS = (PERSON, GENERATOR, CRITIC)
_SERVED = (*_NETWORKS, POSTERIOR, SPACE, CARD)


@dataclass(frozen=True)
class ModelFiles:
    """A version that may be served."""

    person: bytes
    generator: bytes
    critic: bytes
    posterior: bytes
    space: DesignSpace
    card: dict[str, Any]
    ids: Ids
    """The vocabulary that it was made under."""


def ids_in(metadata: Mapping[str, str]) -> Ids:
    """Return the ids in a network's metadata; none are the bundled ones.

    Raises:
        ValueError: they cannot be read.
    """
    found = metadata.get(VOCABULARY)
    return ids_of(None) if found is None else Ids.from_json(found)


def check_files(files: Mapping[str, bytes]) -> ModelFiles:
    """Return the version's parts after checking that they belong together.

    Args:
        files: what `Registry.read` returned.

    Raises:
        ModelFileError: a file is missing, malformed, of another creative space, or an
            ONNX file reaches outside itself.
    """
    missing = [name for name in _SERVED if name not in files]
    if missing:
        raise ModelFileError(f"version without {missing}: expected {list(_SERVED)}")
    try:
        card: dict[str, Any] = json.loads(files[CARD])
        space = DesignSpace(files[SPACE].decode(), SPACE)
    except (SpaceError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelFileError(f"version with an unreadable part: {error}") from error
    try:
        ids = ids_in(OnnxFile(files[PERSON], PERSON).metadata)
    except ValueError as error:
        raise ModelFileError(f"{PERSON}: its vocabulary: {error}") from error
    claims = {CARD: card.get("space_sha256")}
    for name in _NETWORKS:
        model = OnnxFile(files[name], name)
        claims[name] = model.metadata.get("space_sha256")
        opset = card.get("opsets", {}).get(name, card.get("opset"))
        if model.opset != opset:
            raise ModelFileError(
                f"{name} has opset {model.opset}: expected {opset}, as the card says"
            )
    for name, digest in claims.items():
        if digest != space.digest:
            raise ModelFileError(
                f"{name} is for the creative space {digest}: expected {space.digest}, "
                f"the one of {SPACE}"
            )
    return ModelFiles(
        person=files[PERSON],
        generator=files[GENERATOR],
        critic=files[CRITIC],
        posterior=files[POSTERIOR],
        space=space,
        card=card,
        ids=ids,
    )
