"""Drawn pictures and photographs -> how far apart they are, beside a linear baseline.

The distance is the sliced Wasserstein distance between small patches at several
resolutions (Karras, Aila, Laine, Lehtinen 2018, "Progressive Growing of GANs", section
5): it sees texture and colour at every scale and needs no other trained network. The
baseline draws from a Gaussian over the photographs' first 64 principal components; an
image generator that is not nearer to the photographs has learnt nothing worth having.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_export.image_dataset import Photographs

PATCH: Final = 7
N_PATCHES: Final = 64
"""Of each picture and level."""
N_DIRECTIONS: Final = 128
SMALLEST: Final = 14
"""Side of the smallest level of the pyramid."""
MAX_PICTURES: Final = 512
N_COMPONENTS: Final = 64

Pictures = NDArray[np.float32]
"""[n, C, S, S] in [-1, 1]"""


@dataclass(frozen=True)
class Quality:
    """Sliced Wasserstein distances to the photographs; smaller is nearer."""

    drawn: float
    """Of the generator's pictures."""
    linear: float
    """Of the principal-component baseline."""
    photographs: float
    """Between two halves of the photographs: the floor that noise sets."""


def quality(photographs: Photographs, drawn: Pictures, seed: int) -> Quality:
    """Compare drawn pictures, and the baseline, with as many photographs.

    Args:
        photographs: what the generator was trained on.
        drawn: [n, C, S, S] in [-1, 1], classes mixed as in the photographs.
        seed: of the patches, directions and baseline.
    """
    rng = np.random.default_rng(seed)
    shuffled = photographs.pixels[rng.permutation(len(photographs))]
    real: Pictures = shuffled.astype(np.float32) / 127.5 - 1
    n = min(len(drawn), len(real), MAX_PICTURES)
    half = min(len(real) // 2, MAX_PICTURES)
    linear = principal_component_sampler(real, n, rng)
    return Quality(
        drawn=sliced_wasserstein(real[:n], drawn[:n], rng),
        linear=sliced_wasserstein(real[:n], linear, rng),
        photographs=sliced_wasserstein(real[:half], real[half : 2 * half], rng),
    )


def principal_component_sampler(
    real: Pictures, n: int, rng: np.random.Generator
) -> Pictures:
    """Draw n pictures from a Gaussian over the first 64 principal components."""
    flat = real.reshape(len(real), -1)
    mean = flat.mean(0)
    scales, axes = _principal_axes(flat - mean, rng)
    scores = rng.standard_normal((n, len(scales))) * scales / np.sqrt(len(flat))
    drawn = (mean + scores @ axes).clip(-1, 1).astype(np.float32)
    return np.asarray(drawn.reshape(n, *real.shape[1:]))


def _principal_axes(
    centred: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the first 64 singular values and axes, by a randomised range finder.

    Halko, Martinsson, Tropp 2011, "Finding Structure with Randomness", algorithm 4.4:
    seconds where the full decomposition of 3,000 pictures takes minutes.
    """
    n_probes = min(N_COMPONENTS + 16, *centred.shape)
    probes = rng.standard_normal((centred.shape[1], n_probes)).astype(np.float32)
    basis, _ = np.linalg.qr(centred @ probes)
    for _ in range(3):
        basis, _ = np.linalg.qr(centred @ (centred.T @ basis))
    _, scales, axes = np.linalg.svd(basis.T @ centred, full_matrices=False)
    return scales[:N_COMPONENTS], axes[:N_COMPONENTS]


def sliced_wasserstein(
    left: Pictures, right: Pictures, rng: np.random.Generator
) -> float:
    """Return the mean distance of patches over a pyramid; both sets of equal size."""
    if left.shape != right.shape:
        raise ValueError(
            f"expected two sets of one shape, got {left.shape} and {right.shape}"
        )
    distances = []
    while True:
        side = left.shape[-1]
        is_last = side // 2 < SMALLEST
        # All but the last level hold only the detail that the next one lacks.
        details = [
            level if is_last else level - _double(_halve(level))
            for level in (left, right)
        ]
        distances.append(_patch_distance(details[0], details[1], rng))
        if is_last:
            return float(np.mean(distances))
        left, right = _halve(left), _halve(right)


def _patch_distance(left: Pictures, right: Pictures, rng: np.random.Generator) -> float:
    first, second = _patches(left, rng), _patches(right, rng)
    centre, spread = first.mean(0), first.std() + 1e-6
    directions = rng.standard_normal((first.shape[1], N_DIRECTIONS)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=0)
    projected = [
        np.sort((each - centre) / spread @ directions, axis=0)
        for each in (first, second)
    ]
    return float(np.abs(projected[0] - projected[1]).mean())


def _patches(pictures: Pictures, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return random patches [n * N_PATCHES, C * 7 * 7]."""
    n, _, side, _ = pictures.shape
    windows = np.lib.stride_tricks.sliding_window_view(
        pictures, (PATCH, PATCH), axis=(2, 3)
    )  # (n, C, S - 6, S - 6, 7, 7)
    picture = np.repeat(np.arange(n), N_PATCHES)
    top, left = rng.integers(side - PATCH + 1, size=(2, len(picture)))
    return windows[picture, :, top, left].reshape(len(picture), -1)


def _halve(pictures: Pictures) -> Pictures:
    """Return the mean of each 2 x 2 block."""
    n, channels, side, _ = pictures.shape
    blocks = pictures.reshape(n, channels, side // 2, 2, side // 2, 2)
    return np.asarray(blocks.mean((3, 5)), dtype=np.float32)


def _double(pictures: Pictures) -> Pictures:
    return pictures.repeat(2, axis=2).repeat(2, axis=3)
