"""Scores and best designs: the critic's, and the same bits compiled or not."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from model_export.critic.layout import Layout
from model_export.critic.posterior import best_designs
from model_export.space import design_space
from streams.stages.creatives.answers import Briefs
from streams.stages.creatives.candidates import Proposer
from streams.stages.creatives.counter_random import seeds_of
from streams.stages.creatives.score import (
    KERNEL,
    MEAN,
    best_reference,
    score_reference,
)

SPACE = design_space.load()
needs_compiled = pytest.mark.skipif(
    KERNEL is None, reason="the compiled modules are not built"
)
SCORES = [
    score_reference,
    pytest.param(getattr(KERNEL, "score_designs", None), marks=needs_compiled),
]
BEST = [
    best_reference,
    pytest.param(getattr(KERNEL, "best_by_draw", None), marks=needs_compiled),
]


def some_worth(layout, seed, n, n_draws):
    rng = np.random.default_rng(seed)
    worth = rng.normal(size=(n, layout.n_looks, n_draws)).astype(np.float32)
    return worth, rng.normal(size=(n, n_draws)).astype(np.float32)


def some_designs(layout, seed, n, k):
    rng = np.random.default_rng(seed)
    starts = np.cumsum([0, *layout.sizes])[:-1]
    chosen = np.array(
        [
            start + rng.integers(0, size, (n, k))
            for start, size in zip(starts, layout.sizes, strict=True)
        ],
        np.intp,
    ).reshape(len(layout.sizes), n, k)
    return chosen, rng.random((n, k, layout.n_continuous)).astype(np.float32)


LAYOUTS = st.builds(
    Layout,
    sizes=st.lists(st.integers(1, 9), max_size=4).map(tuple),
    n_continuous=st.integers(0, 3),
    n_tastes=st.just(2),
)


@needs_compiled
@given(
    LAYOUTS,
    st.integers(0, 2**32),
    st.integers(0, 4),
    st.integers(1, 5),
    st.integers(1, 40),
)
def test_the_compiled_module_gives_the_same_bits(layout, seed, n, k, n_draws):
    worth, base = some_worth(layout, seed, n, n_draws)
    chosen, continuous = some_designs(layout, seed, n, k)
    given_ = (layout, chosen, continuous, worth, base)
    ours, pure = KERNEL.score_designs(*given_), score_reference(*given_)
    assert ours.tobytes() == pure.tobytes()
    draws = np.random.default_rng(seed).integers(-1, n_draws, (n, k))
    ours, pure = (
        find(layout, worth, draws) for find in (KERNEL.best_by_draw, best_reference)
    )
    assert ours[0].tolist() == pure[0].tolist()
    assert ours[1].tobytes() == pure[1].tobytes()


@pytest.mark.parametrize("score", SCORES)
def test_a_score_is_the_critics_of_the_same_design(score):
    layout = Layout.of(SPACE, 2)
    drawn = Proposer(SPACE).uniform(
        7, Briefs.about(["running"] * 5), seeds_of(range(5))
    )
    worth, base = some_worth(layout, 3, 5, 8)
    scores = score(layout, drawn.chosen, drawn.continuous, worth, base)
    for row in range(5):
        designs = SPACE.designs(drawn.chosen[:, row], drawn.continuous[row])
        expected = layout.looks(SPACE.encode(designs)) @ worth[row] + base[row]
        assert scores[row] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("find", BEST)
def test_a_best_design_is_that_of_its_draw_or_of_the_mean(find):
    layout = Layout.of(SPACE, 2)
    worth, _ = some_worth(layout, 5, 3, 20)
    chosen, continuous = find(layout, worth, np.array([[4, MEAN]] * 3))
    for column, own in ((0, worth[:, :, 4]), (1, worth.mean(2))):
        columns, numbers = best_designs(layout, own)
        assert chosen[:, :, column].tolist() == columns.tolist()
        assert continuous[:, column] == pytest.approx(numbers, abs=1e-5)


@pytest.mark.parametrize("score", SCORES)
def test_designs_outside_the_looks_are_refused(score):
    layout = Layout((3,), 1, 2)
    worth, base = some_worth(layout, 1, 2, 4)
    chosen, continuous = some_designs(layout, 1, 2, 2)
    with pytest.raises(ValueError, match="looks"):
        score(layout, chosen, continuous, worth[:, 1:].copy(), base)
    for wrong in (3, -1):
        with pytest.raises(ValueError, match="fit"):
            score(layout, np.full_like(chosen, wrong), continuous, worth, base)
    with pytest.raises(ValueError, match="fit"):
        score(layout, chosen, continuous[:1], worth, base)


@pytest.mark.parametrize("find", BEST)
def test_draws_that_there_are_not_are_refused(find):
    layout = Layout((3,), 1, 2)
    worth, _ = some_worth(layout, 1, 2, 4)
    for wrong in ([[4], [0]], [[0], [-2]], [[0]]):
        with pytest.raises(ValueError, match="fit"):
            find(layout, worth, np.array(wrong))
    with pytest.raises(ValueError, match="looks"):
        find(layout, worth[:, 1:].copy(), np.array([[0], [0]]))
