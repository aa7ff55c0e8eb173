"""One contract for both generators, from library to served files."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training: extra [train] is missing")

from model_export.generators import checkpoint, export as onnx_export, gan, vae  # noqa: E402
from model_export.generators.export import MAX_DIFFERENCE, Served  # noqa: E402
from model_export.generators.library import make_library  # noqa: E402
from model_export.generators.pools import diversity, draw_pools  # noqa: E402
from model_export.jobs import gates, pretrain  # noqa: E402
from model_export.space.conditioning import random_people  # noqa: E402
from model_export.store.model_files import check_files  # noqa: E402
from model_export.store.registry import Registry, RegistryError  # noqa: E402

KINDS = ("gan", "vae")


@pytest.fixture
def hasty(monkeypatch):
    """Shorten pre-training where what is learnt does not matter."""
    for recipe in (gan, vae):
        monkeypatch.setattr(recipe, "PRETRAIN_STEPS", 20)


def people(model, n=200):
    return pretrain.library_people(model.space, model.seed)[:n]


def distance(space, left, right):
    """Return the mean total variation between two sets' attribute shares."""
    return np.mean(
        [
            np.abs(left[:, block].mean(0) - right[:, block].mean(0)).sum() / 2
            for attribute in space.categorical
            for block in [space.slices[attribute]]
        ]
    )


@pytest.mark.parametrize("kind", KINDS)
def test_torch_and_onnxruntime_agree(models, kind):
    model = models[kind]
    served = Served(onnx_export.export(model))
    assert onnx_export.parity(model, served, people(model), seed=3) <= MAX_DIFFERENCE


@pytest.mark.parametrize("kind", KINDS)
def test_proposals_look_like_the_library_and_differ_within_a_pool(models, kind):
    model = models[kind]
    space, served = model.space, Served(onnx_export.export(model))
    who = served.person(people(model, 300))
    pools = draw_pools(served, space, who, np.random.default_rng(0))
    drawn = pools.reshape(-1, space.size)
    library = make_library(space, model.seed).designs
    random = space.random(len(drawn), np.random.default_rng(1))
    assert distance(space, drawn, library) < distance(space, random, library) / 2
    assert 0.3 < diversity(space, pools) < 1.0


@pytest.mark.parametrize("kind", KINDS)
def test_a_fresh_model_passes_the_gates_that_need_no_feedback(models, kind):
    model = models[kind]
    served = Served(onnx_export.export(model))
    verdicts = gates.library_gates(model, served, people(model))
    assert [verdict.result for verdict in verdicts] == ["pass"] * 4, verdicts


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_brings_back_the_same_model(models, kind):
    files = onnx_export.export(models[kind])
    back = checkpoint.from_files(files, models[kind].space)
    assert onnx_export.export(back) == files


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("space", ["display", "travel", "numbers"])
@pytest.mark.usefixtures("hasty")
def test_the_same_seed_makes_the_same_files_in_any_space(request, kind, space):
    chosen = request.getfixturevalue(space)
    made = [
        onnx_export.export(pretrain.pretrained(kind, chosen, 4)[0]) for _ in range(2)
    ]
    assert made[0] == made[1]
    served = Served(made[0])
    z, condition = np.zeros((5, 8), np.float32), np.zeros((5, 71), np.float32)
    person = served.person(condition)
    logits, continuous = served.generate(z, person)
    assert logits.shape == (5, chosen.n_logits)
    assert continuous.shape == (5, chosen.n_continuous)
    assert ((continuous >= 0) & (continuous <= 1)).all()
    design = chosen.random(5, np.random.default_rng(0))
    assert served.score(design, person).shape == (5, onnx_export.N_DRAWS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("hasty")
def test_a_person_given_once_counts_for_all_its_rows(kind, travel):
    served = Served(onnx_export.export(pretrain.pretrained(kind, travel, 4)[0]))
    rng = np.random.default_rng(0)
    z = rng.normal(size=(12, 8)).astype(np.float32)
    design, person = travel.random(12, rng), served.person(random_people(4, rng))
    repeated = person.repeat(3, 0)
    for once, each in zip(
        [*served.generate(z, person), served.score(design, person)],
        [*served.generate(z, repeated), served.score(design, repeated)],
        strict=True,
    ):
        assert once == pytest.approx(each, abs=1e-5)


@pytest.mark.parametrize(
    "content", [b"", b"junk" * 10, b"\x05" + b"\x00" * 7 + b"[[[[["]
)
def test_bytes_that_are_no_checkpoint_are_refused(travel, content):
    files = {"checkpoint.safetensors": content, "critic.safetensors": content}
    with pytest.raises(checkpoint.ModelFileError, match="not a file of"):
        checkpoint.from_files(files, travel)


def test_a_checkpoint_of_another_space_is_refused(models, display):
    files = checkpoint.to_files(models["vae"])
    with pytest.raises(checkpoint.ModelFileError, match="critic file"):
        checkpoint.from_files(files, display)


@pytest.mark.usefixtures("hasty")
def test_pre_training_twice_leaves_one_champion_with_a_full_card(tmp_path, travel):
    registry = Registry(str(tmp_path))
    first, second = (
        pretrain.pretrain(registry, "creative-vae", travel, 0, created_at=at)
        for at in (1, 2)
    )
    assert first == second == registry.champion("creative-vae")
    assert registry.versions("creative-vae") == [1]
    files = registry.read("creative-vae", 1, first.sha256)
    card = check_files(files).card
    assert card["kind"] == "vae"
    assert card["passed"] is True
    assert card["parent_version"] is None
    assert card["space_sha256"] == travel.digest
    assert {verdict["gate"] for verdict in card["verdicts"]} >= {"parity", "diversity"}
    assert json.loads(files["card.json"]) == card


@pytest.mark.usefixtures("hasty")
def test_a_version_that_a_kill_left_unpromoted_is_taken_up(
    tmp_path, travel, monkeypatch
):
    registry = Registry(str(tmp_path))
    with monkeypatch.context() as patched:
        patched.setattr(Registry, "promote", _killed)
        with pytest.raises(KeyboardInterrupt):
            pretrain.pretrain(registry, "creative-vae", travel, 0, created_at=1)
    assert registry.champion("creative-vae") is None
    assert pretrain.pretrain(registry, "creative-vae", travel, 0, 2).version == 1


@pytest.mark.usefixtures("hasty")
def test_a_first_version_that_fails_its_gates_is_not_promoted(
    tmp_path, travel, monkeypatch
):
    monkeypatch.setattr(gates, "MIN_DIVERSITY", 2.0)
    registry = Registry(str(tmp_path))
    with pytest.raises(RegistryError, match="a gate refused it"):
        pretrain.pretrain(registry, "creative-gan", travel, 0, created_at=1)
    assert registry.champion("creative-gan") is None


def _killed(*_arguments, **_options):
    raise KeyboardInterrupt
