import numpy as np
import pytest

from model_export.image_dataset import Photographs, load_photographs
from model_export.image_quality import (
    principal_component_sampler,
    quality,
    sliced_wasserstein,
)


@pytest.fixture(scope="module")
def photographs() -> Photographs:
    return load_photographs(None, 28)


def as_pictures(photographs: Photographs) -> np.ndarray:
    return photographs.pixels.astype(np.float32) / 127.5 - 1


def distance(left: np.ndarray, right: np.ndarray) -> float:
    return sliced_wasserstein(left, right, np.random.default_rng(0))


def test_photographs_are_nearer_to_photographs_than_noise_or_a_blur(photographs):
    real = as_pictures(photographs)
    first, second = real[::2], real[1::2]
    noise = np.random.default_rng(1).uniform(-1, 1, second.shape).astype(np.float32)
    blurred = np.broadcast_to(second.mean(0), second.shape).copy()
    assert distance(first, second) < distance(first, blurred) < distance(first, noise)


def test_sets_of_different_shapes_are_refused(photographs):
    real = as_pictures(photographs)
    with pytest.raises(ValueError, match="one shape"):
        distance(real[:4], real[:5])


def test_the_baseline_has_the_mean_and_spread_of_the_photographs(photographs):
    real = as_pictures(photographs)
    drawn = principal_component_sampler(real, 2_000, np.random.default_rng(0))
    assert drawn.shape == (2_000, 1, 28, 28)
    assert np.abs(drawn.mean(0) - real.mean(0)).mean() < 0.1
    assert abs(drawn.std() / real.std() - 1) < 0.15


def test_photographs_themselves_beat_the_baseline(photographs):
    judged = quality(photographs, as_pictures(photographs), seed=0)
    assert judged.drawn < judged.linear
