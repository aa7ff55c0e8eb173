"""Fine-tuning: real rewards lift what people are shown, shuffled ones do not."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training: extra [train] is missing")

from model_export.feedback import dataset  # noqa: E402
from model_export.generators import export as onnx_export, gan, vae  # noqa: E402
from model_export.generators.export import Served  # noqa: E402
from model_export.generators.pools import draw_pools  # noqa: E402
from model_export.jobs import fine_tune, pretrain  # noqa: E402
from model_export.jobs.order import FeedbackRead  # noqa: E402
from model_export.store.model_files import CARD, check_files  # noqa: E402
from model_export.store.registry import Registry  # noqa: E402
from schemas.records import FineTuneJob, OffsetRange  # noqa: E402
from tests.model_export.feedback_records import Truth, feedback, people  # noqa: E402

KINDS = ("gan", "vae")
N = 4_000


def true_rate(model, n=400):
    """Return the true click rate of what the generator proposes to new people."""
    conditions = people(n, np.random.default_rng(99))
    served = Served(onnx_export.export(model))
    who = served.person(conditions)
    pools = draw_pools(served, model.space, who, np.random.default_rng(98))
    size = pools.shape[1]
    repeated = np.repeat(conditions, size, 0)
    rates = Truth(model.space).rate(pools.reshape(n * size, -1), repeated)
    return float(rates.mean())


def random_rate(space, n=20_000):
    """Return the true click rate of random designs."""
    rng = np.random.default_rng(97)
    return float(Truth(space).rate(space.random(n, rng), people(n, rng)).mean())


def job(name, **fields):
    full = {
        "job_id": "job-1",
        "model_name": name,
        "base_version": 1,
        "reason": "count",
        "ranges": (OffsetRange(topic="t", partition=0, start=3, end=9),),
        "n_examples": N,
        "seed": 5,
        "created_at": 0,
        **fields,
    }
    return FineTuneJob(**full)


@pytest.mark.parametrize("kind", KINDS)
def test_clicks_lift_what_the_generator_proposes(models, travel, kind):
    taught = dataset.from_feedback(feedback(travel, N, seed=1), travel)
    model, _ = fine_tune.tuned(models[kind], taught, seed=2, is_trusted=True)
    assert true_rate(model) > 3 * true_rate(models[kind])
    served = [Served(onnx_export.export(one)) for one in (model, models[kind])]
    expected = fine_tune._metrics(model, *served, taught, 0)
    assert expected["expected_candidate"] > expected["expected_base"]


@pytest.mark.parametrize("kind", KINDS)
def test_shuffled_clicks_do_not(models, travel, kind):
    taught = dataset.from_feedback(feedback(travel, N, seed=1, shuffled=True), travel)
    model, _ = fine_tune.tuned(models[kind], taught, seed=2, is_trusted=True)
    # Noise moves a generator somewhere, but not to what people like.
    assert true_rate(model) < 1.5 * random_rate(travel)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_job_makes_the_same_candidate_and_leaves_the_base(
    models, travel, kind
):
    base = models[kind]
    before = onnx_export.export(base)
    taught = dataset.from_feedback(feedback(travel, 200, seed=3), travel)
    made = [
        onnx_export.export(fine_tune.tuned(base, taught, seed=4, is_trusted=True)[0])
        for _ in range(2)
    ]
    assert made[0] == made[1] != before
    assert onnx_export.export(base) == before


@pytest.mark.parametrize("kind", KINDS)
def test_feedback_without_a_click_is_survived(models, travel, kind):
    taught = dataset.from_feedback(feedback(travel, 80, seed=3, clicks=False), travel)
    model, _ = fine_tune.tuned(models[kind], taught, seed=4, is_trusted=True)
    assert np.isfinite(true_rate(model, n=20))


@pytest.fixture
def store(tmp_path, travel, monkeypatch):
    """Return a registry with a hastily pre-trained champion of each kind."""
    for recipe in (gan, vae):
        monkeypatch.setattr(recipe, "PRETRAIN_STEPS", 40)
    registry = Registry(str(tmp_path))
    for name in pretrain.MODELS:
        pretrain.pretrain(registry, name, travel, 0, created_at=1)
    return registry


@pytest.mark.parametrize("name", sorted(pretrain.MODELS))
def test_a_job_adds_a_candidate_with_lineage_and_verdicts(store, travel, name):
    records = feedback(travel, 1_600, seed=6)
    made = fine_tune.fine_tune(store, job(name), FeedbackRead(records, 2), created_at=9)
    files = store.read(name, made.version, made.sha256)
    card = check_files(files).card
    assert (made.version, made.base_version, made.n_examples) == (2, 1, 1_600)
    assert made.n_clicks == sum(one.reward > 0 for one in records)
    assert (card["parent_version"], card["job_id"]) == (1, "job-1")
    assert card["ranges"] == [{"topic": "t", "partition": 0, "start": 3, "end": 9}]
    assert card["learnt_to"] == {"0": 9}
    assert card["skipped"]["undecodable"] == 2
    assert card["passed"] is made.passed
    assert [one["gate"] for one in card["verdicts"]] == [
        one.gate for one in made.verdicts
    ]
    assert store.champion(name).version == 1  # a candidate is not promoted by its job
    assert CARD in files


def test_the_taste_model_is_fitted_once_and_then_frozen(store, travel):
    name = "creative-vae"
    first = FeedbackRead(feedback(travel, 1_600, seed=6), 0)
    others = [
        replace(one, impression_id=f"later-{one.impression_id}")
        for one in feedback(travel, 1_600, seed=7)
    ]
    second = FeedbackRead(others, 0)
    fine_tune.fine_tune(store, job(name), first, created_at=9)
    fine_tune.fine_tune(store, job(name, base_version=2), second, created_at=9)
    cards = [store.card(name, version) for version in (1, 2, 3)]
    assert [card["taste"] for card in cards] == ["seeded", "fitted", "fitted"]
    assert cards[2]["n_examples"] > 1.8 * cards[1]["n_examples"]  # sums go on


def test_a_job_without_usable_feedback_says_why(store, travel):
    broken = [replace(one, valid=False) for one in feedback(travel, 20, seed=6)]
    with pytest.raises(fine_tune.FineTuneError, match="'invalid': 20"):
        fine_tune.fine_tune(
            store, job("creative-vae"), FeedbackRead(broken, 0), created_at=9
        )
    assert store.versions("creative-vae") == [1]
