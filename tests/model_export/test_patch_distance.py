import numpy as np
import pytest

from model_export.images.dataset import drawn_sample
from model_export.images.measures import sliced_wasserstein


@pytest.fixture(scope="module")
def real() -> np.ndarray:
    return drawn_sample(28, 8).floats()


def distance(left: np.ndarray, right: np.ndarray) -> float:
    return sliced_wasserstein(left, right, np.random.default_rng(0))


def test_photographs_are_nearer_to_photographs_than_noise_or_a_blur(real):
    first, second = real[::2], real[1::2]
    noise = np.random.default_rng(1).uniform(-1, 1, second.shape).astype(np.float32)
    blurred = np.broadcast_to(second.mean(0), second.shape).copy()
    assert distance(first, second) < distance(first, blurred) < distance(first, noise)


def test_sets_of_different_shapes_are_refused(real):
    with pytest.raises(ValueError, match="one shape"):
        distance(real[:4], real[:5])
