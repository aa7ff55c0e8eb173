"""A model made under one vocabulary, used under another, each in its own process.

python -m tests.house.model_era write FOLDER   makes a taught model, and people
python -m tests.house.model_era read FOLDER    tells what both say of these people
"""

import json
import sys
from base64 import b64decode, b64encode
from pathlib import Path

import numpy as np

from model_export.critic import taste
from model_export.critic.critic_state import CriticState, LabelledImpressions
from model_export.generators import checkpoint
from model_export.generators.checkpoint import Model
from model_export.generators.export import Served, export
from model_export.generators.surfaces import on_our_surfaces
from model_export.space import conditioning, design_space
from schemas.vocabulary import deployed
from streams import settings
from streams.stages.creatives.inference import OnnxModel

TOML = """
name = "small"
[categorical]
flavour = ["a", "b", "c"]
[continuous]
x = [0, 1]
"""
LIKED = ("running", "coffee", "wine")
SURFACES = ("search", "social", "video", "device")


def people():
    """Conditions of 24 people, told by names."""
    weights = np.zeros((24, len(deployed().categories)))
    for i in range(24):
        weights[i, deployed().column(LIKED[i % 3])] += 3.0 + i
        weights[i, deployed().column("tea")] += 1.0
    places = [SURFACES[i // 3 % 4] for i in range(24)]
    return conditioning.condition(weights, places, np.arange(24))


def labelled(space, conditions, rng):
    rows = rng.integers(0, len(conditions), 400)
    design = space.random(400, rng)
    clicked = (rng.random(400) < 0.1 + 0.3 * design[:, 0]).astype(np.float32)
    return LabelledImpressions(design, conditions[rows], clicked, np.ones(400, bool))


def write(folder):
    rng = np.random.default_rng(3)
    space = design_space.DesignSpace(TOML)
    who = taste.seeded(rng)
    networks = checkpoint.build("gan", space, who.n_features, 0)
    library = space.random(8, rng)
    model = Model("gan", space, 0, library, networks, CriticState.none(who, space))
    conditions = people()
    model = model.taught(labelled(space, conditions, rng))
    for name, content in export(model).items():
        (folder / name).write_bytes(content)
    stored = [b64encode(conditioning.to_bytes(row)).decode() for row in conditions]
    (folder / "people.json").write_text(json.dumps(stored))


def read(folder):
    names = [path.name for path in folder.iterdir() if path.suffix != ".json"]
    files = {name: (folder / name).read_bytes() for name in names if name != "models"}
    space = design_space.DesignSpace(TOML)
    card = {"space_sha256": space.digest, "opset": 21}
    served = Served(files)
    files["card.json"] = json.dumps(card | {"opset": opset_of(files)}).encode()
    online = OnnxModel("m", 1, "0" * 64, files)
    online.warm_up()
    stored = json.loads((folder / "people.json").read_text())
    conditions = np.array([conditioning.from_bytes(b64decode(one)) for one in stored])
    trained = checkpoint.from_files(files, space)
    model = on_our_surfaces(trained)
    design = space.random(24, np.random.default_rng(1))
    features = model.critic_state.taste.features(conditions)
    told = {
        "surfaces": list(model.critic_state.taste.ids.surfaces),
        "person": served.person(conditions).tolist(),
        "online": online.person(conditions).tolist(),
        "numpy": trained.critic_state.taste.features(conditions).tolist(),
        "logits": model.critic_state.critic.logits(design, features).tolist(),
        "generated": Served(export(model))
        .generate(np.ones((24, 8), np.float32), features)[0]
        .tolist(),
        "gained": gained(model, space, conditions),
    }
    sys.stdout.write(json.dumps(told))


def opset_of(files):
    from model_export.store.onnx_file import OnnxFile  # noqa: PLC0415

    return OnnxFile(files["person.onnx"], "person.onnx").opset


def gained(model, space, conditions):
    """How many examples the model knows after feedback of today."""
    taught = model.taught(labelled(space, conditions, np.random.default_rng(9)))
    assert np.isfinite(taught.critic_state.critic.precision).all()
    return taught.critic_state.critic.n_examples - model.critic_state.critic.n_examples


if __name__ == "__main__":
    settings.load()
    {"write": write, "read": read}[sys.argv[1]](Path(sys.argv[2]))
