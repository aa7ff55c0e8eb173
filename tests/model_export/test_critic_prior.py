"""Empirical Bayes: the clicks say how much each kind of weight may matter."""

import numpy as np
import pytest

from model_export.critic.layout import Layout
from model_export.critic.prior import TASTE, Prior

LAYOUT = Layout(sizes=(20, 20, 20), n_continuous=2, n_tastes=4)


def drawn(prior, rng):
    """Return weights drawn from a prior."""
    return np.sqrt(prior.variances(LAYOUT)) * rng.normal(size=LAYOUT.n_weights)


def learnt(weights, error, rounds=60):
    """Return the prior after steps on weights that are known up to an error."""
    prior = Prior.untaught(LAYOUT)
    for _ in range(rounds):
        variance = prior.variances(LAYOUT)
        posterior = 1 / (1 / variance + 1 / error)
        prior = prior.revised(LAYOUT, posterior * weights / error, posterior)
    return prior


def test_an_attribute_that_matters_more_gets_a_wider_prior():
    rng = np.random.default_rng(0)
    truth = Prior.untaught(LAYOUT)
    truth.spread[:, 0] = 2.0
    truth.spread[:, 1] = -2.0
    noisy = drawn(truth, rng) + 0.03 * rng.normal(size=LAYOUT.n_weights)
    found = learnt(noisy, 0.03**2)
    assert found.spread[TASTE, 0] > found.spread[TASTE, 2] > found.spread[TASTE, 1]
    pairs = [one.variances(LAYOUT) for one in (found, truth)]
    n_pairs = LAYOUT.n_looks * LAYOUT.n_who
    logs = [np.log(one[:n_pairs]) for one in pairs]
    assert np.corrcoef(*logs)[0, 1] > 0.8


def test_a_taste_that_does_not_matter_is_switched_off():
    rng = np.random.default_rng(1)
    truth = Prior.untaught(LAYOUT)
    truth.relevance[3] = -6.0
    noisy = drawn(truth, rng) + 0.01 * rng.normal(size=LAYOUT.n_weights)
    found = learnt(noisy, 0.01**2)
    assert found.relevance[3] < found.relevance[:3].min() - 1.0


def test_what_matters_to_persons_is_thought_to_matter_to_places():
    rng = np.random.default_rng(2)
    truth = Prior.untaught(LAYOUT)
    truth.spread[TASTE, 0] = 3.0
    weights = drawn(truth, rng)
    untold = np.full(LAYOUT.n_weights, 1e12)  # of places nothing is known
    told = untold[: LAYOUT.n_looks * LAYOUT.n_who].reshape(LAYOUT.n_looks, -1)
    told[:, 1 : 1 + LAYOUT.n_tastes] = 0.01**2
    prior = learnt(weights, untold)
    pairs = prior.variances(LAYOUT)[: told.size].reshape(told.shape)
    assert pairs[0, -1] > 1.5 * pairs[20, -1]


def test_without_information_the_prior_stays():
    found = learnt(np.zeros(LAYOUT.n_weights), 1e12)
    untaught = Prior.untaught(LAYOUT)
    assert found.level == pytest.approx(untaught.level, abs=1e-3)
    assert found.spread == pytest.approx(untaught.spread, abs=1e-3)
