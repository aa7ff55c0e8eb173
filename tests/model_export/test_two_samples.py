import numpy as np
import pytest

from model_export.images.measures import (
    frechet_distance,
    nearest_distance,
    nearest_neighbour_accuracy,
)


def normal(n: int, mean: float, deviation: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (mean + deviation * rng.standard_normal((n, 3))).astype(np.float32)


def test_the_frechet_distance_of_two_gaussians_is_the_closed_form():
    # Independent coordinates: each adds (m - m')^2 + (s - s')^2.
    found = frechet_distance(normal(40_000, 0, 1, 0), normal(40_000, 2, 3, 1))
    assert found == pytest.approx(3 * (4 + 4), rel=0.02)


def test_the_frechet_distance_sees_correlation_and_not_only_spread():
    both = normal(20_000, 0, 1, 0)
    turned = both @ np.linalg.qr(normal(3, 0, 1, 1))[0] * np.float32([1, 2, 3])
    same = turned.std(0) * normal(20_000, 0, 1, 2)
    assert frechet_distance(turned @ np.ones((3, 3), np.float32), same) > 1
    assert frechet_distance(turned, turned) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(
    ("shift", "least", "most"), [(0.0, 0.45, 0.55), (1.0, 0.6, 0.9), (20.0, 1, 1)]
)
def test_one_nearest_neighbour_tells_sets_apart_by_how_far_they_are(shift, least, most):
    found = nearest_neighbour_accuracy(normal(800, 0, 1, 0), normal(800, shift, 1, 1))
    assert least <= found <= most


def test_a_set_of_copies_is_told_by_an_accuracy_near_zero():
    known = normal(300, 0, 1, 0)
    copies = known + normal(300, 0, 1e-4, 1)
    assert nearest_neighbour_accuracy(copies, known) < 0.05
    assert nearest_distance(copies, known) < 0.01 * nearest_distance(
        normal(300, 0, 1, 2), known
    )


def test_sets_of_different_sizes_are_refused():
    with pytest.raises(ValueError, match="one shape"):
        nearest_neighbour_accuracy(normal(3, 0, 1, 0), normal(4, 0, 1, 0))
