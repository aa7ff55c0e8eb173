"""The promotion figure tells good candidates from bad ones, and counts both."""

import numpy as np

from benchmarks.figures import at_least
from benchmarks.measures.promotion import Traffic, _arms, _row, decisions
from streams.settings import RolloutSettings

TRAFFIC = Traffic(rate=0.04, share=0.3, last=8_000)
SETTINGS = RolloutSettings()


def made(effect, n=60):
    return decisions(TRAFFIC, effect, n, SETTINGS)


def test_clear_candidates_get_what_they_deserve():
    assert made(0.5)["better"] >= 57
    assert made(-0.5)["worse"] >= 57
    assert made(-0.06)["better"] <= 4
    assert made(0.0).total() == 60


def test_decisions_repeat():
    assert made(0.1, 20) == made(0.1, 20)


def test_people_stay_in_their_arm_and_click_at_the_rate_of_it():
    counts, clicks = _arms(TRAFFIC, 0.5, np.random.default_rng(1))
    n, k = counts[-1].sum(1), clicks[-1].sum(1)
    assert n[1] > TRAFFIC.last
    assert (counts[1:] >= counts[:-1]).all()
    assert 1.2 < (k[1] / n[1]) / (k[0] / n[0]) < 1.9


def test_a_share_has_an_interval():
    row = _row("promoted", 800, 1_000, at_least(80.0))
    assert (row.value, row.reached) == (80.0, True)
    assert 77 < row.low < 80 < row.high < 83
