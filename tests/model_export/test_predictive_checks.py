"""A generator follows the critic only when the critic knows something."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training: extra [train] is missing")

from model_export.critic.predictive_checks import RankingCheck, pairwise_accuracy  # noqa: E402
from model_export.feedback import dataset  # noqa: E402
from model_export.jobs import fine_tune  # noqa: E402
from tests.model_export.feedback_records import feedback  # noqa: E402


def weights(model):
    return np.concatenate(
        [
            part.numpy(force=True).ravel()
            for part in model.networks.generator.parameters()
        ]
    )


def test_the_interval_covers_the_true_accuracy():
    rng = np.random.default_rng(0)
    truth, covered = 0.5 + 0.5 * 0.2763, 0  # P(N(0.5, 1) > N(0, 1)) = 0.638
    for _ in range(400):
        found = pairwise_accuracy(rng.normal(0.5, 1, 40), rng.normal(0, 1, 900))
        covered += found.low < truth
    assert 0.92 < covered / 400 < 0.98


def test_evidence_of_several_jobs_adds_up():
    small = RankingCheck(0.54, 900.0)
    assert not small.is_above_chance
    pooled = small.pooled(small).pooled(small)
    assert pooled.accuracy == pytest.approx(0.54)
    assert pooled.is_above_chance
    assert RankingCheck().pooled(RankingCheck()) == RankingCheck()


@pytest.mark.parametrize("kind", ["gan", "vae"])
def test_with_real_clicks_the_generator_moves(models, travel, kind):
    taught = dataset.from_feedback(feedback(travel, 3_000, seed=1), travel)
    model, _ = fine_tune.tuned(models[kind], taught, 2)
    ranking = model.critic_state.ranking
    assert ranking.is_above_chance
    assert ranking.verdict().result == "pass"
    assert (weights(model) != weights(models[kind])).any()


@pytest.mark.parametrize("kind", ["gan", "vae"])
def test_with_shuffled_clicks_it_stays_and_the_verdict_says_so(models, travel, kind):
    taught = dataset.from_feedback(
        feedback(travel, 3_000, seed=1, shuffled=True), travel
    )
    model, _ = fine_tune.tuned(models[kind], taught, 2)
    ranking = model.critic_state.ranking
    assert (weights(model) == weights(models[kind])).all()
    assert model.critic_state.critic.n_examples == len(
        taught
    )  # the critic itself goes on learning
    assert ranking.verdict().result == "unsure"
