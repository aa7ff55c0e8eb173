"""Taste from behaviour: who somebody is, without a click on an ad."""

import numpy as np
import pytest

from model_export.critic.taste import N_TASTES, fit, seeded
from model_export.space.conditioning import EVENTS, N_CATEGORIES, WHERE_WHEN, condition


def crowd(n, rng, *, events=60):
    """Return people of the model's own kind: conditions and their hidden tastes."""
    truth = np.random.default_rng(0)
    base, loadings = 0.7 * truth.normal(size=64), truth.normal(size=(64, 3))
    hidden = rng.normal(size=(n, 3))
    odds = np.exp(base + hidden @ loadings.T)
    counts = rng.multinomial(events, odds / odds.sum(1, keepdims=True))
    return condition(counts, ["search"] * n, np.zeros(n, int)), hidden


def explained(features, hidden):
    """Return the share of the hidden tastes' variance that a linear map recovers."""
    inputs = np.column_stack([features, np.ones(len(features))])
    guess = inputs @ np.linalg.lstsq(inputs, hidden, rcond=None)[0]
    return 1 - ((hidden - guess) ** 2).sum() / ((hidden - hidden.mean(0)) ** 2).sum()


@pytest.fixture(scope="module")
def fitted():
    return fit(crowd(4_000, np.random.default_rng(1))[0], 0)


def test_behaviour_tells_hidden_tastes_better_than_principal_components(fitted):
    people, hidden = crowd(2_000, np.random.default_rng(2))
    shares = people[:, :N_CATEGORIES] - people[:, :N_CATEGORIES].mean(0)
    _, _, rows = np.linalg.svd(shares, full_matrices=False)
    tastes = fitted.features(people)[:, :N_TASTES]
    assert explained(tastes, hidden) > 0.85
    assert explained(tastes, hidden) > explained(shares @ rows[:N_TASTES].T, hidden)


def test_somebody_hardly_known_is_near_the_average_person(fitted):
    rng = np.random.default_rng(3)
    sizes = [
        (fitted.taste(crowd(500, rng, events=events)[0]) ** 2).sum(1).mean()
        for events in (1, 5, 60)
    ]
    assert sizes[0] < sizes[1] < sizes[2]
    nobody = np.zeros((1, EVENTS + 1), np.float32)
    assert (fitted.taste(nobody) == 0).all()


def test_features_are_centred_of_one_scale_and_keep_surface_and_hour(fitted):
    people, _ = crowd(4_000, np.random.default_rng(1))
    features = fitted.features(people)
    tastes = features[:, :N_TASTES]
    assert features.shape == (4_000, fitted.n_features)
    assert np.abs(tastes.mean(0)).max() < 0.01
    assert abs((tastes**2).mean() - 1) < 0.1
    assert (np.diff(tastes.std(0)) < 0).all()  # by importance
    assert (features[:, N_TASTES:] == people[:, WHERE_WHEN]).all()


def test_the_longest_histories_have_a_finite_taste(fitted):
    weights = np.zeros((2, N_CATEGORIES))
    weights[0, 5] = 1e9
    weights[1] = 1e9
    people = condition(weights, ["social"] * 2, np.zeros(2, int))
    assert np.isfinite(fitted.features(people)).all()
    assert np.abs(fitted.features(people)).max() < 20


def test_the_same_people_and_seed_give_the_same_model():
    people = crowd(300, np.random.default_rng(1))[0]
    one, other = fit(people, 0), fit(people, 0)
    assert one.origin == other.origin == "fitted"
    assert (one.loadings == other.loadings).all()
    assert seeded(np.random.default_rng(0)).origin == "seeded"
