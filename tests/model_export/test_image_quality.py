import numpy as np
import pytest

from model_export.images.dataset import drawn_sample
from model_export.images.quality import Judge


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(*drawn_sample(28, 8).split())


@pytest.fixture(scope="module")
def taught() -> np.ndarray:
    return drawn_sample(28, 8).split()[0].floats()


def test_copies_of_what_was_taught_are_found_out(judge, taught):
    copies = taught[:: len(taught) // len(judge.wanted)][: len(judge.wanted)]
    mirrored = np.ascontiguousarray(copies[..., ::-1])
    assert judge.judged(copies, 0).novelty < 0.05
    assert judge.judged(mirrored, 0).novelty < 0.05


def test_noise_is_worse_than_photographs_by_every_measure(judge):
    rng = np.random.default_rng(0)
    noise = rng.uniform(-1, 1, (len(judge.wanted), 1, 28, 28)).astype(np.float32)
    found, photographs = judge.judged(noise, 0), judge.references(0).photographs
    assert found.frechet > photographs.frechet
    assert found.neighbours > photographs.neighbours
    assert found.recognised < photographs.recognised
    assert found.patches > photographs.patches
    assert photographs.novelty == 1
