"""A version of a model that has learnt nothing yet, made in half a second."""

import numpy as np

from model_export.critic import taste
from model_export.critic.critic_state import CriticState
from model_export.generators import checkpoint
from model_export.generators.checkpoint import Model
from model_export.generators.export import export
from model_export.generators.onnx_graph import OPSET
from model_export.store.registry import Registry, Version


def add_untaught(registry: Registry, name: str, space) -> Version:
    """Add a version of a creative space to a registry; return it."""
    rng = np.random.default_rng(3)
    who = taste.seeded(rng)
    networks = checkpoint.build("gan", space, who.n_features, 0)
    critic = CriticState.none(who, space)
    model = Model("gan", space, 0, space.random(8, rng), networks, critic)
    card = {"space_sha256": space.digest, "opset": OPSET}
    return registry.add(name, export(model), card)
