"""Worlds of every kind: what is true in them, and what a learner hears."""

import numpy as np
import pytest

from benchmarks.figures import UnavailableError
from benchmarks.learning.late import MOST_BATCHES, Post
from benchmarks.learning.world import KINDS, OWN, World

SEED = 306


def world_of(kind):
    try:
        return World(kind, SEED)
    except UnavailableError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("kind", KINDS)
def test_random_designs_and_each_persons_best_one_are_clicked_as_they_should(kind):
    world = world_of(kind)
    assert world.random_rate == pytest.approx(0.025, abs=0.003)
    assert world.oracle_rate == pytest.approx(0.075, abs=0.01)
    random = world.space.random(4_000, np.random.default_rng(1))
    assert world.gap(random) == pytest.approx(0.0, abs=0.03)


def test_clicks_come_at_the_true_rate():
    world = World(OWN, SEED)
    crowd = world.visitors(20_000)
    shown = world.space.random(len(crowd), np.random.default_rng(2))
    clicked = world.clicks(crowd, shown)
    assert clicked.mean() == pytest.approx(world.rates(crowd, shown).mean(), abs=0.004)
    assert crowd.condition.shape == (20_000, 71)


def test_nobody_can_do_better_than_the_best_design_of_the_own_audience():
    world = World(OWN, SEED)
    best = world._truth.best(world.held_out)
    top = world.rates(world.held_out, best)
    rng = np.random.default_rng(3)
    for _ in range(20):
        other = best.copy()
        block = list(world.space.slices.values())[int(rng.integers(0, 8))]
        other[:, block] = rng.permutation(np.eye(block.stop - block.start))[0]
        assert (world.rates(world.held_out, other) <= top + 1e-7).all()


def test_held_out_people_of_the_own_audience_never_come_by():
    world = World(OWN, SEED)
    assert not set(world.held_out.hidden) & set(world.visitors(20_000).hidden)


def test_a_model_that_is_linear_in_tastes_sees_less_than_half_of_bent_ones():
    world = world_of("non-linear")
    users = world.visitors(5_000).hidden
    bent = world._truth._world._t(users)
    taste = np.column_stack([users.taste, np.ones(len(users.taste))])
    weights, *_ = np.linalg.lstsq(taste, bent, rcond=None)
    left = ((bent - taste @ weights) ** 2).sum() / ((bent - bent.mean(0)) ** 2).sum()
    assert 0.5 < left < 0.75


def test_late_clicks_are_nones_first_and_all_come_in_the_end():
    post = Post(0.5, np.random.default_rng(5))
    design = np.random.default_rng(4).random((400, 3)).astype(np.float32)
    first = post.delivered(design, design, np.ones(400, np.float32))
    assert first.number.tolist() == list(range(400))
    assert 150 < first.clicked.sum() < 250
    nobody = design[:0], design[:0], np.zeros(0, np.float32)
    later = [post.delivered(*nobody) for _ in range(MOST_BATCHES)]
    assert all(len(batch.clicked) and batch.clicked.all() for batch in later)
    corrected = np.concatenate([batch.number for batch in later])
    assert sorted(corrected) == np.flatnonzero(first.clicked == 0).tolist()
    delays = [set(batch.decided_at - batch.shown_at) for batch in (first, *later)]
    assert delays == [{update} for update in range(MOST_BATCHES + 1)]
    assert all((batch.design == design[batch.number]).all() for batch in later)
    assert not len(post.delivered(*nobody).clicked)


def test_without_late_clicks_everything_is_heard_at_once():
    post = Post(0.0, np.random.default_rng(5))
    ones = np.ones(9, np.float32)
    for start in (0, 9):
        batch = post.delivered(ones[:, None], ones[:, None], ones)
        assert batch.number.tolist() == list(range(start, start + 9))
        assert batch.clicked.all()


def test_fakes_hit_their_target_alone_and_are_counted():
    world = world_of("poisoned")
    crowd = world.visitors(10_000)
    shown = world.space.random(len(crowd), np.random.default_rng(6))
    clicked = world.clicks(crowd, shown)
    hit = shown[:, world.target] > 0
    assert world.n_fakes == pytest.approx(200, abs=50)
    assert clicked[hit].mean() > 5 * clicked[~hit].mean()


def test_tastes_turn_and_come_back():
    world = world_of("drifting")
    best = world._truth.best(world.held_out)
    before = world.rates(world.held_out, best)
    world.turn_if_due(1)
    assert world.rates(world.held_out, best).mean() < 0.8 * before.mean()
    assert world.oracle_rate == pytest.approx(0.075, abs=0.012)
    world.turn_if_due(0)
    assert world.rates(world.held_out, best) == pytest.approx(before)
