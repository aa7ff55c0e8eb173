"""Posterior draws as serving gets them, and the best design of each."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from model_export.critic.layout import Layout
from model_export.critic.posterior import best_designs, from_bytes, to_bytes
from model_export.store.onnx_file import ModelFileError

LAYOUT = Layout(sizes=(3, 2), n_continuous=1, n_tastes=1)


@given(st.integers(0, 2**32 - 1))
def test_no_design_of_the_space_scores_higher_than_the_best(seed):
    rng = np.random.default_rng(seed)
    worth = rng.normal(size=(1, LAYOUT.n_looks))
    chosen, continuous = best_designs(LAYOUT, worth)

    def score(columns, value):
        centred = 2 * value - 1
        return (
            worth[0, columns].sum() + worth[0, 5] * centred + worth[0, 6] * centred**2
        )

    best = score(chosen[:, 0], float(continuous[0, 0]))
    for first in range(3):
        for second in range(3, 5):
            for value in np.linspace(0, 1, 21):
                assert score([first, second], value) <= best + 1e-6


def test_draws_survive_the_way_through_bytes():
    draws = np.random.default_rng(0).normal(size=(LAYOUT.n_weights, 4))
    draws = draws.astype(np.float32)
    assert (from_bytes(to_bytes(draws), LAYOUT) == draws).all()


@pytest.mark.parametrize("content", [b"", b"\x00" * 7, b"\xff" * 4 * LAYOUT.n_weights])
def test_bytes_that_are_no_draws_are_refused(content):
    with pytest.raises(ModelFileError, match="expected"):
        from_bytes(content, LAYOUT)
