import numpy as np
import pytest

from model_export.images.dataset import Photographs, drawn_sample
from model_export.images.quality import PrincipalComponents


@pytest.fixture(scope="module")
def photographs() -> Photographs:
    return drawn_sample(28, 8)


def test_the_baseline_has_the_mean_and_spread_of_the_photographs(photographs):
    rng = np.random.default_rng(0)
    real = photographs.floats()
    drawn = PrincipalComponents.fitted(real, rng).drawn(2_000, rng)
    assert drawn.shape == (2_000, 1, 28, 28)
    assert np.abs(drawn.mean(0) - real.mean(0)).mean() < 0.1
    assert abs(drawn.std() / real.std() - 1) < 0.15


def test_by_class_each_class_has_its_own_mean(photographs):
    rng = np.random.default_rng(0)
    real, categories = photographs.floats(), photographs.categories
    wanted = np.repeat(np.arange(10), 200)
    drawn = PrincipalComponents.fitted(real, rng).drawn_of(categories, wanted, rng)
    for category in range(10):
        means = [real[categories == other].mean(0) for other in range(10)]
        own = drawn[wanted == category].mean(0)
        apart = [np.abs(own - mean).mean() for mean in means]
        assert int(np.argmin(apart)) == category
