"""The click critic: Bayesian logistic regression whose data and prior stay apart."""

import functools
from dataclasses import replace

import numpy as np
import pytest

from model_export.critic.layout import Layout
from model_export.critic.pick import pick_probabilities
from model_export.critic.selector import BASE_LOGIT, ClickCritic
from model_export.critic.taste import fit
from model_export.space.conditioning import random_people


@functools.cache
def taste_of_all():
    """Return a taste model; everybody's coordinates are the same in all tests."""
    return fit(random_people(2_000, np.random.default_rng(7)), 0)


def world(space, n, seed=0):
    """Return designs, features and clicks; the truth is bilinear in both."""
    rng = np.random.default_rng(seed)
    people = random_people(n, rng)
    features = taste_of_all().features(people)
    design = space.random(n, rng)
    logit = (
        -2.0 + 2.0 * design[:, 0] - 2.0 * design[:, 1] + design[:, 5] * features[:, 0]
    )
    clicked = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(np.float32)
    return design, features, clicked, logit


@pytest.fixture(scope="module")
def untaught(travel):
    return ClickCritic.untaught(Layout.of(travel, taste_of_all().n_tastes))


def test_an_untaught_critic_expects_the_base_rate(untaught, travel):
    design, features, *_ = world(travel, 10)
    design[:, travel.n_logits :] = 0.5  # the middle of each range
    assert untaught.logits(design, features) == pytest.approx(np.full(10, BASE_LOGIT))


def test_a_taught_critic_ranks_unseen_designs(untaught, travel):
    design, features, clicked, _ = world(travel, 6_000)
    critic = untaught.update(design, features, clicked)
    design, features, _, logit = world(travel, 2_000, seed=1)
    guess = critic.logits(design, features)
    assert np.corrcoef(guess, logit)[0, 1] > 0.7
    assert abs(guess.mean() - logit.mean()) < 0.3
    assert (critic.n_examples, critic.n_clicks) == (6_000, int(clicked.sum()))


def test_the_mode_makes_the_posterior_gradient_vanish(untaught, travel):
    design, features, clicked, _ = world(travel, 1_500)
    critic = untaught.update(design, features, clicked)
    mean = critic.mean()
    rows = critic.layout.rows(design, features).astype(np.float64)
    chance = 1 / (1 + np.exp(-(BASE_LOGIT + rows @ mean)))
    moved = mean - critic.prior.mean(critic.layout)
    pull = moved / critic.prior.variances(critic.layout)
    gradient = rows.T @ (clicked - chance) - pull
    assert np.abs(gradient).max() < 0.05


def test_batches_add_up_whatever_their_order(untaught, travel):
    design, features, clicked, _ = world(travel, 4_000)
    halves = [slice(0, 2_000), slice(2_000, None)]
    guesses = []
    for order in (halves, halves[::-1]):
        critic = untaught
        for part in order:
            critic = critic.update(design[part], features[part], clicked[part])
        guesses.append(critic.logits(design, features))
    together = untaught.update(design, features, clicked).logits(design, features)
    assert np.corrcoef(*guesses)[0, 1] > 0.99
    assert np.corrcoef(guesses[0], together)[0, 1] > 0.99


def test_extremes_of_a_continuous_value_are_doubted_beforehand(untaught, travel):
    design, features, *_ = world(travel, 1)
    middle, end = design.copy(), design.copy()
    middle[:, travel.n_logits :], end[:, travel.n_logits :] = 0.5, 1.0
    logits = [untaught.logits(one, features)[0] for one in (middle, end)]
    assert logits[0] - logits[1] == pytest.approx(3 * 0.04, rel=1e-4)


def test_nothing_new_changes_nothing(untaught, travel):
    design, features, clicked, _ = world(travel, 1)
    assert untaught.update(design[:0], features[:0], clicked[:0]) is untaught


def test_a_new_prior_needs_no_second_pass_over_the_feedback(untaught, travel):
    design, features, clicked, _ = world(travel, 1_000)
    critic = untaught.update(design, features, clicked)
    prior = replace(critic.prior, level=critic.prior.level - 14.0)
    strict = replace(critic, prior=prior, eta=critic.eta.copy())
    n_pairs = critic.layout.n_looks * critic.layout.n_who
    moved = [one.mean() - one.prior.mean(one.layout) for one in (strict, critic)]
    sizes = [np.abs(one[:n_pairs]).max() for one in moved]
    assert sizes[0] < 0.02 < sizes[1]


def test_a_look_that_is_forgotten_leaves_the_others_as_they_were(untaught, travel):
    design, features, clicked, _ = world(travel, 6_000)
    critic = untaught.update(design, features, clicked)
    forgetful = critic.without(np.array([0]))
    means = [
        one.mean()[: one.layout.n_looks * one.layout.n_who].reshape(
            one.layout.n_looks, -1
        )
        for one in (critic, forgetful)
    ]
    assert (means[1][0] == 0).all()
    assert means[0][0, 0] > 0.3
    assert np.corrcoef(means[0][1:].ravel(), means[1][1:].ravel())[0, 1] > 0.98


def test_draws_centre_on_the_mean_and_narrow_with_feedback(untaught, travel):
    design, features, clicked, _ = world(travel, 4_000)
    critic = untaught.update(design, features, clicked)
    rng = np.random.default_rng(0)
    draws = critic.draws(16, rng)
    np.testing.assert_allclose(draws.mean(1), critic.mean(), atol=1e-9)
    many = critic.draws(4_000, rng, scale=1.0)
    variances = critic.prior.variances(critic.layout)
    exact = np.diag(np.linalg.inv(critic.precision + np.diag(1 / variances)))
    np.testing.assert_allclose(many.var(1), exact, rtol=0.2)
    assert (many.var(1) < variances * 1.2).all()


def test_a_pick_prefers_the_best_and_keeps_a_floor():
    score = np.full((1, 4, 3), -3.0)
    score[0, 2] = 0.0
    chance = pick_probabilities(score, exploration=0.1)[0]
    assert chance.sum() == pytest.approx(1.0)
    assert chance.argmax() == 2
    assert chance.min() == pytest.approx(0.1 / 4)


def test_a_forbidden_candidate_is_never_picked():
    allowed = np.array([[True, False, True]])
    chance = pick_probabilities(np.zeros((1, 3, 2)), allowed)[0]
    assert chance.tolist() == pytest.approx([0.5, 0.0, 0.5])
