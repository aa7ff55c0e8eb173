"""Condition vectors: what training and serving know of a person."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as arrays

from model_export.space.conditioning import (
    CONDITION_SIZE,
    EVENTS,
    MAX_EVENTS,
    N_CATEGORIES,
    condition,
    from_bytes,
    random_people,
    to_bytes,
)


@given(arrays.arrays(np.float32, (2, N_CATEGORIES)))
def test_preferences_become_a_unit_vector_or_zeros(preferences):
    rows = condition(preferences, ["search", "device"], np.array([0, 23]))
    lengths = (rows[:, :N_CATEGORIES].astype(np.float64) ** 2).sum(1)
    assert np.isfinite(rows).all()
    assert all(length == 0 or abs(length - 1) < 1e-3 for length in lengths)


def test_frequencies_are_square_rooted_and_dismissals_count_as_none():
    weights = np.zeros((1, N_CATEGORIES), np.float32)
    weights[0, :3] = [9, 16, -4]
    row = condition(weights, ["social"], np.array([6]))[0]
    np.testing.assert_allclose(row[:3], [0.6, 0.8, 0.0], rtol=1e-6)
    assert row[N_CATEGORIES : N_CATEGORIES + 4].tolist() == [0, 1, 0, 0]
    np.testing.assert_allclose(row[EVENTS - 2 :], [1.0, 0.0, 25.0], atol=1e-6)


@given(st.floats(0.125, 1e6))
def test_scale_says_only_how_well_somebody_is_known(scale):
    weights = np.arange(N_CATEGORIES, dtype=np.float64)[None]
    at = (["video"], np.array([3]))
    rows = [condition(weights * factor, *at) for factor in (1.0, scale)]
    np.testing.assert_allclose(rows[0][:, :EVENTS], rows[1][:, :EVENTS], rtol=1e-5)
    expected = min(weights.sum() * scale, MAX_EVENTS)
    assert rows[1][0, EVENTS] == pytest.approx(expected, rel=1e-5)


def test_a_condition_survives_the_way_through_a_record():
    row = random_people(1, np.random.default_rng(0))[0]
    assert (from_bytes(to_bytes(row)) == row).all()


@pytest.mark.parametrize(
    "content", [b"", b"\x00" * 279, b"\x00\x00\xc0\x7f" * CONDITION_SIZE]
)
def test_a_malformed_condition_is_refused(content):
    with pytest.raises(ValueError, match="expected"):
        from_bytes(content)
