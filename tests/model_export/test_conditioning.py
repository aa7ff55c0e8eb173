"""Condition vectors, and their projection to features."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as arrays

from model_export.conditioning import (
    CONDITION_SIZE,
    N_CATEGORIES,
    condition,
    from_bytes,
    random_people,
    to_bytes,
)
from model_export.projection import N_FEATURES, RANK, principal, seeded


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
    np.testing.assert_allclose(row[-2:], [1.0, 0.0], atol=1e-6)  # six o'clock


@given(st.floats(0.125, 1e6))
def test_only_the_mix_of_preferences_matters(scale):
    weights = np.arange(N_CATEGORIES, dtype=np.float64)[None]
    at = (["video"], np.array([3]))
    np.testing.assert_allclose(
        condition(weights, *at), condition(weights * scale, *at), rtol=1e-5
    )


def test_a_condition_survives_the_way_through_a_record():
    row = random_people(1, np.random.default_rng(0))[0]
    assert (from_bytes(to_bytes(row)) == row).all()


@pytest.mark.parametrize(
    "content", [b"", b"\x00" * 279, b"\x00\x00\xc0\x7f" * CONDITION_SIZE]
)
def test_a_malformed_condition_is_refused(content):
    with pytest.raises(ValueError, match="expected"):
        from_bytes(content)


@pytest.mark.parametrize("kind", ["seeded", "pca"])
def test_projected_people_are_centred_of_unit_scale_and_strangers_average(kind):
    rng = np.random.default_rng(1)
    people = random_people(3_000, rng)
    chosen = principal(people) if kind == "pca" else seeded(people, rng)
    known = people[:, :N_CATEGORIES].any(1)
    features = chosen.features(people)
    assert chosen.origin == kind
    assert features.shape == (3_000, N_FEATURES)
    assert np.abs(features[known, :RANK].mean(0)).max() < 0.01
    assert abs((features[known, :RANK] ** 2).mean() - 1) < 0.01
    assert (features[~known, :RANK] == 0).all()
    assert (features[:, RANK:] == people[:, N_CATEGORIES:]).all()


def test_principal_components_keep_more_than_random_directions():
    rng = np.random.default_rng(2)
    tastes = rng.dirichlet(np.full(4, 0.3), 2_000) @ rng.gamma(0.3, size=(4, 64))
    people = condition(tastes, ["search"] * 2_000, np.zeros(2_000, int))
    kept = []
    for chosen in (principal(people), seeded(people, rng)):
        directions, _ = np.linalg.qr(chosen.matrix.astype(np.float64))
        centred = people[:, :64] - people[:, :64].mean(0)
        kept.append(((centred @ directions) ** 2).sum() / (centred**2).sum())
    assert kept[0] > 0.9 > kept[1]
