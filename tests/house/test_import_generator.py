"""A generator that our code did not make: checked, imported, served and picked from."""

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

pytest.importorskip("torch", reason="import needs the extra [train]")

from model_export.generators import checkpoint
from model_export.jobs.import_generator import import_generator
from model_export.space import design_space
from model_export.space.conditioning import random_people
from model_export.space.design_space import DesignSpace
from model_export.space.drawings import bundled
from model_export.store.model_files import CRITIC_STATE, GENERATOR, check_files
from model_export.store.onnx_file import ModelFileError
from model_export.store.registry import Registry
from streams.commands.models import Models
from streams.errors import StateError
from streams.settings import CreativesSettings, ModelSettings, Settings
from streams.stages.creatives.answers import Briefs
from streams.stages.creatives.arms import Arm
from streams.stages.creatives.inference import load
from streams.stages.creatives.picking import Picker

SPACE = design_space.load()
NAME = "own-decoder"
OPSET = 17
HIDDEN, PERSON, LATENT = 24, 12, 8


def decoder(space, opset=OPSET, changed=None, outputs=("logits", "continuous"), **io):
    """Return an autoregressive decoder: each attribute knows those before it.

    h = tanh(z A + person B); for each attribute: logits = h W, h = tanh(h + softmax V).
    It wants a row of `person` for each row of `z`, as such models commonly do.
    """
    rng = np.random.default_rng(7)
    nodes, weights = [], []

    def weight(name, *shape):
        array = rng.normal(0, 1.2, shape).astype(np.float32)
        weights.append(numpy_helper.from_array(array, name))
        return name

    def node(kind, inputs, output, **attributes):
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    drawn = node("MatMul", ["z", weight("A", LATENT, HIDDEN)], "drawn")
    given = node("MatMul", ["person", weight("B", PERSON, HIDDEN)], "given")
    state = node("Tanh", [node("Add", [drawn, given], "sum")], "h")
    blocks = []
    for name, values in space.categorical.items():
        head = weight(f"W.{name}", HIDDEN, len(values))
        logits = node("MatMul", [state, head], f"logits.{name}")
        chosen = node("Softmax", [logits], f"chosen.{name}", axis=1)
        back = weight(f"V.{name}", len(values), HIDDEN)
        moved = node("MatMul", [chosen, back], f"moved.{name}")
        state = node("Tanh", [node("Add", [state, moved], f"next.{name}")], f"h.{name}")
        blocks.append(logits)
    node("Concat", blocks, "logits", axis=1)
    end = node("MatMul", [state, weight("E", HIDDEN, space.n_continuous)], "end")
    node("Sigmoid", [end], "continuous")
    if changed:
        changed(nodes, weights)
    shapes = {
        "z": ["n", LATENT],
        "person": ["n", PERSON],
        "logits": ["n", space.n_logits],
        "continuous": ["n", space.n_continuous],
    } | io
    infos = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    }
    graph = helper.make_graph(
        nodes,
        "mine",
        [infos["z"], infos["person"]],
        [infos[name] for name in outputs],
        weights,
    )
    opsets = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    return model.SerializeToString()


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    content = decoder(SPACE)
    (folder / GENERATOR).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    (folder / f"{GENERATOR}.sha256").write_text(f"{digest}  {GENERATOR}\n")
    (folder / "LICENSE.txt").write_text("Mine; use it as you like.\n")
    return folder


@pytest.fixture
def registry(tmp_path):
    return Registry(str(tmp_path / "models"))


def imported(registry, folder, space=SPACE):
    return import_generator(registry, NAME, folder, space, 0, 1_800_000_000_000)


def test_an_imported_generator_passes_the_gates_and_says_where_it_is_from(
    registry, folder
):
    answer = imported(registry, folder)
    assert answer["passed"], answer["verdicts"]
    gates = [verdict["gate"] for verdict in answer["verdicts"]]
    assert gates == ["finite", "diversity", "rule_violations"]
    card = registry.card(NAME, answer["version"])
    assert card["kind"] == "imported"
    assert card["opsets"] == {GENERATOR: OPSET}
    assert card["imported"] == {
        "folder": str(folder),
        "sha256": hashlib.sha256((folder / GENERATOR).read_bytes()).hexdigest(),
        "licence": "Mine; use it as you like.\n",
    }
    assert registry.promote(NAME, answer["version"], at=1, reason="mine").number == 1


def test_its_designs_are_served_and_picked_from(registry, folder):
    answer = imported(registry, folder)
    model = load(registry, NAME, answer["version"], answer["sha256"])
    n = 40
    conditions = random_people(n, np.random.default_rng(0))
    person = model.person(conditions)
    z = np.random.default_rng(1).normal(size=(n, 4, LATENT)).astype(np.float32)
    logits, _ = model.propose(z, person)
    assert logits.shape == (n, 4, SPACE.n_logits)
    alone, _ = model.propose(z[5:6], person[5:6])
    assert np.array_equal(alone, logits[5:6])
    picker = Picker(CreativesSettings(), model.space)
    seeds = np.arange(n, dtype=np.uint64)
    arms = [Arm("champion", model)] * n
    picks = picker.pick(arms, conditions, Briefs(["coffee"] * n, [""] * n), seeds)
    designs = model.space.designs(picks.columns.T, picks.continuous)
    assert len({str(design) for design in designs}) > n // 2
    assert not model.space.violations(model.space.encode(designs)).any()
    assert list(bundled().undrawable(model.space.categorical, {})) == []


def test_its_critic_learns_and_its_generator_stays(registry, folder):
    answer = imported(registry, folder)
    files = registry.read(NAME, answer["version"])
    model = checkpoint.from_files(files, check_files(files).space)
    assert model.networks is None
    again = checkpoint.to_files(model)
    assert again[CRITIC_STATE] == files[CRITIC_STATE]
    assert model.foreign == files[GENERATOR]


def nans(_nodes, weights):
    weights[-1].CopyFrom(
        numpy_helper.from_array(
            np.full((HIDDEN, SPACE.n_continuous), np.nan, np.float32), "E"
        )
    )


def at_random(nodes, _weights):
    nodes[-1].CopyFrom(helper.make_node("RandomNormalLike", ["end"], ["continuous"]))


def across_rows(nodes, _weights):
    nodes[-1].CopyFrom(helper.make_node("Softmax", ["end"], ["continuous"], axis=0))


def custom(nodes, _weights):
    nodes[-1].domain = "com.example"


def outside(_nodes, weights):
    weights[-1].data_location = TensorProto.EXTERNAL
    entry = weights[-1].external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not an ONNX file"),
        (b"<html>", "not an ONNX file"),
        (decoder(SPACE, opset=11), "opset 11: expected 15 or later"),
        (decoder(SPACE, changed=custom), "uses operators of 'com.example'"),
        (decoder(SPACE, changed=outside), "keeps weights in another file"),
        (decoder(SPACE, changed=nans), "continuous with numbers that are not finite"),
        (decoder(SPACE, changed=at_random), "two runs differ"),
        (decoder(SPACE, changed=across_rows), "a row depends on the rows beside it"),
        (decoder(SPACE, outputs=("logits",)), "outputs ['logits']: expected ['logits'"),
        (decoder(SPACE, z=[1, LATENT]), "input z of tensor(float) [1, 8]: expected"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_served_is_refused_and_leaves_no_version(
    registry, folder, content, said
):
    (folder / f"{GENERATOR}.sha256").unlink()
    (folder / GENERATOR).write_bytes(content)
    with pytest.raises(ModelFileError) as caught:
        imported(registry, folder)
    assert said in str(caught.value)
    assert registry.versions(NAME) == []


def test_everything_that_is_wrong_is_said_at_once(registry, folder):
    (folder / GENERATOR).write_bytes(decoder(SPACE, opset=11))
    (folder / "space.toml").write_text('name = "s"\n[categorical]\na = ["x", "y"]\n')
    with pytest.raises(ModelFileError) as caught:
        imported(registry, folder)
    for said in ("sha256", "is the creative space", "opset 11"):
        assert said in str(caught.value)


def test_a_folder_without_a_generator_is_named(registry, tmp_path):
    with pytest.raises(ModelFileError, match=r"generator\.onnx: cannot be read"):
        imported(registry, tmp_path)


def test_a_generator_of_another_space_is_refused(registry, folder):
    smaller = DesignSpace(SPACE.source.replace('"ocean", ', ""))
    with pytest.raises(ModelFileError, match=r"logits of tensor\(float\) \['n', 74\]"):
        imported(registry, folder, smaller)


def run(*arguments):
    command = [sys.executable, "-m", "model_export", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_imports_and_pretraining_then_finds_the_champion(tmp_path, folder):
    store = str(tmp_path / "store")
    options = ("--store", store, "--model", NAME)
    absent = run("pretrain", *options)
    assert absent.returncode == 1
    assert "adloom models import" in absent.stderr
    models = Models(Settings(model=ModelSettings(name=NAME, store=store)))
    answer = models.imported(folder, None, 0)
    Registry(store).promote(NAME, answer["version"], at=1, reason="mine")
    found = run("pretrain", *options)
    assert json.loads(found.stdout)["version"] == answer["version"]


def test_the_command_says_every_reason(tmp_path, folder):
    (folder / GENERATOR).write_bytes(b"<html>")
    settings = Settings(model=ModelSettings(store=str(tmp_path / "store")))
    with pytest.raises(StateError, match=r"(?s)sha256 .*is not an ONNX file"):
        Models(settings).imported(folder, NAME, 0)
