"""The factorisation machine: its slope, its climb, and that it learns from clicks."""

import numpy as np
import pytest

from benchmarks.learning.method import Batch, Setting
from benchmarks.learning.methods import fm_ts
from benchmarks.learning.methods.fm_ts import FactorisationMachine, Slots
from model_export.space.conditioning import random_people
from model_export.space.design_space import DesignSpace

SPACE = DesignSpace(
    """
name = "small"
[categorical]
palette = ["ocean", "night", "sand"]
hero = ["photo", "icon", "wave", "none"]
[continuous]
contrast = [0.0, 1.0]
""",
    "test",
)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def machine(rng):
    library = SPACE.random(60, rng)
    return FactorisationMachine(Setting(SPACE, library, random_people(500, rng), 3))


def test_the_slope_is_the_derivative_of_the_likelihood(rng):
    weights = 0.3 * rng.normal(size=(9, 5))
    rows = (rng.random((40, 9)) < 0.4).astype(float)
    clicked = (rng.random(40) < 0.3).astype(float)

    def loss(at):
        logit, _ = fm_ts._forward(at, rows)
        return float((np.logaddexp(0.0, logit) - clicked * logit).sum())

    expected = np.zeros_like(weights)
    for place in np.ndindex(*weights.shape):
        step = np.zeros_like(weights)
        step[place] = 1e-5
        expected[place] = (loss(weights + step) - loss(weights - step)) / 2e-5
    assert fm_ts._slope(weights, rows, clicked) == pytest.approx(expected, abs=1e-5)


def test_designs_survive_the_slots_up_to_their_bins(rng):
    slots = Slots(SPACE)
    design = SPACE.random(50, rng)
    one_hot = slots.one_hot(design)
    columns = [one_hot[:, slot].argmax(1) + slot.start for slot in slots.slots]
    again = slots.design(columns)
    assert (again[:, :7] == design[:, :7]).all()
    assert again[:, 7] == pytest.approx(design[:, 7], abs=1 / 16 + 1e-6)


def test_climbing_ends_where_no_single_change_is_better(machine, rng):
    weights = rng.normal(size=machine._weights.shape).astype(np.float32)
    around = machine._around(random_people(20, rng))
    columns = np.array(machine._climbed(weights, around))

    def logits(chosen):
        rows = np.zeros((20, len(weights)), np.float32)
        for column in chosen:
            rows[np.arange(20), column] = 1.0
        rows[:, machine._slots.size :] = around
        return fm_ts._forward(weights, rows)[0]

    best = logits(columns)
    for at, slot in enumerate(machine._slots.slots):
        for value in range(slot.start, slot.stop):
            other = columns.copy()
            other[at] = value
            assert (logits(other) <= best + 1e-3).all()


@pytest.mark.parametrize("is_shuffled", [False, True])
def test_a_pair_that_is_clicked_is_found_unless_clicks_are_shuffled(
    machine, rng, is_shuffled
):
    """Neither value of the pair is good with anything else."""
    for _ in range(4):
        people = random_people(3_000, rng)
        shown = SPACE.random(3_000, rng)
        is_pair = (shown[:, 1] > 0) & (shown[:, 5] > 0)
        clicked = rng.random(3_000) < np.where(is_pair, 0.3, 0.02)
        if is_shuffled:
            clicked = rng.permutation(clicked)
        number = np.arange(len(shown))
        clicked = clicked.astype(np.float32)
        machine.learn(Batch(number, people, shown, clicked, number, number))
    found = machine.greedy(random_people(400, rng))
    share = ((found[:, 1] > 0) & (found[:, 5] > 0)).mean()
    assert (share < 0.5) == is_shuffled
