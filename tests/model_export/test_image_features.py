import numpy as np
import pytest

from model_export.images.measures import N_ORIENTATIONS, features


def stripes(side: int, *, upright: bool) -> np.ndarray:
    line = np.where(np.arange(side) // 2 % 2, 1, -1).astype(np.float32)
    picture = np.broadcast_to(line, (side, side))
    return (picture if upright else picture.T)[None, None].copy()


@pytest.mark.parametrize(("channels", "side", "length"), [(1, 28, 424), (3, 64, 608)])
def test_pictures_become_vectors_of_bounded_length(channels, side, length):
    rng = np.random.default_rng(0)
    noise = rng.uniform(-1, 1, (3, channels, side, side)).astype(np.float32)
    found = features(noise)
    assert found.shape == (3, length)
    n_edges = length - 2 * channels * 16
    assert (np.linalg.norm(found[:, :n_edges], axis=1) < 1).all()


def test_edges_say_which_way_stripes_run_and_not_how_bright_they_are():
    n_edges = 7 * 7 * N_ORIENTATIONS
    upright, level = (
        features(stripes(28, upright=upright))[0, :n_edges] for upright in (True, False)
    )
    assert upright @ level < 0.05 * (upright @ upright)
    dimmer = features(stripes(28, upright=True) * 0.5)[0, :n_edges]
    assert np.abs(dimmer - upright).max() < 0.05 * upright.max()


def test_a_plain_picture_has_no_edges_and_its_own_colour():
    found = features(np.full((1, 3, 64, 64), 0.5, np.float32))[0]
    assert np.allclose(found[:512], 0)
    assert np.allclose(found[512:560], 0.75 / 4)
    assert np.allclose(found[560:], 0, atol=1e-6)
