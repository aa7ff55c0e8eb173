"""IPS, SNIPS and DR: closed forms, and intervals that cover."""

import numpy as np
import pytest

from model_export.jobs.off_policy import doubly_robust, ips, mean_estimate, snips

LOGGING = np.array([0.5, 0.3, 0.2])
WANTED = np.array([0.1, 0.2, 0.7])
RATE = np.array([0.05, 0.1, 0.2])
TRUTH = float(WANTED @ RATE)


def logged(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    action = rng.choice(3, n, p=LOGGING)
    reward = (rng.random(n) < RATE[action]).astype(float)
    return action, reward, WANTED[action] / LOGGING[action]


def test_ips_is_the_mean_of_weighted_rewards():
    estimate = ips(np.array([2.0, 0.5]), np.array([1.0, 0.0]))
    assert (estimate.value, estimate.n) == (1.0, 2)
    width = 1.959964 * np.std([2.0, 0.0], ddof=1) / np.sqrt(2)
    assert estimate.high - estimate.value == pytest.approx(width)


def test_snips_is_the_weighted_mean_so_a_constant_reward_is_exact():
    estimate = snips(np.array([3.0, 0.1, 0.7]), np.ones(3))
    assert (estimate.value, estimate.low, estimate.high) == (1.0, 1.0, 1.0)


def test_dr_with_a_perfect_model_needs_no_weights():
    rng = np.random.default_rng(0)
    reward = rng.random(100)
    wild = rng.random(100) * 100
    estimate = doubly_robust(wild, reward, reward, np.full(100, 0.3))
    assert estimate.value == pytest.approx(0.3)


def test_dr_with_an_absurd_model_is_unbiased_by_its_weights():
    values = []
    for seed in range(200):
        action, reward, weight = logged(500, seed)
        model = np.array([0.9, 0.1, 0.4])
        expected = np.full(500, WANTED @ model)
        values.append(doubly_robust(weight, reward, model[action], expected).value)
    assert np.mean(values) == pytest.approx(TRUTH, abs=0.006)


@pytest.mark.parametrize("method", ["ips", "snips", "dr"])
def test_95_percent_intervals_cover_the_truth(method):
    covered = 0
    for seed in range(400):
        action, reward, weight = logged(2_000, seed)
        if method == "dr":
            expected = np.full(2_000, WANTED @ RATE)
            estimate = doubly_robust(weight, reward, RATE[action] * 1.2, expected * 1.2)
        else:
            estimate = (ips if method == "ips" else snips)(weight, reward)
        covered += estimate.low <= TRUTH <= estimate.high
    assert 0.92 <= covered / 400 <= 0.98


def test_rows_of_one_person_do_not_narrow_the_interval():
    values = np.random.default_rng(0).normal(size=200)
    once = mean_estimate(values)
    people = [str(i % 200) for i in range(2_000)]
    repeated = mean_estimate(np.tile(values, 10), people)
    assert repeated.value == pytest.approx(once.value)
    assert repeated.high - repeated.low == pytest.approx(once.high - once.low, rel=0.01)


@pytest.mark.parametrize("n", [0, 1])
def test_too_little_says_nothing(n):
    for estimate in (ips(np.ones(n), np.ones(n)), mean_estimate(np.ones(n))):
        assert (estimate.low, estimate.high) == (-np.inf, np.inf)
    assert snips(np.zeros(5), np.ones(5)).low == -np.inf
