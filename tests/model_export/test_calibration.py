"""The critic's predictions of what it served, put right."""

import numpy as np
import pytest

from model_export.critic.predictive_checks import Calibration


def logit(chance):
    return np.log(chance / (1 - chance))


def test_a_critic_that_expects_too_much_is_shifted_down():
    rng = np.random.default_rng(0)
    calibration = Calibration()
    for _ in range(20):
        chance = rng.uniform(0.02, 0.08, 5_000)
        clicked = rng.random(5_000) < chance / 1.15
        calibration = calibration.after(chance, clicked)
    shifted = 1 / (1 + np.exp(-(logit(chance) + calibration.shift)))
    assert shifted.mean() == pytest.approx((chance / 1.15).mean(), rel=0.06)
    assert calibration.n <= 36_000  # old batches fade


def test_a_handful_of_clicks_moves_next_to_nothing():
    calibration = Calibration().after(np.full(20, 0.05), np.ones(20))
    assert 0.0 < calibration.shift < 0.6
    assert Calibration().shift == 0.0


def test_few_clicks_leave_it_at_what_a_pick_usually_costs():
    few = Calibration().after(np.full(100, 0.03), np.zeros(100))
    assert np.exp(few.shift) == pytest.approx(0.93, abs=0.02)
    many = few.after(np.full(15_000, 0.04), np.full(15_000, 0.03))
    assert np.exp(many.shift) == pytest.approx(0.79, abs=0.02)  # on the way to 0.75
