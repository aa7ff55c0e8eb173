"""Two sets of pictures -> the sliced Wasserstein distance between their patches.

Small patches at several resolutions (Karras, Aila, Laine, Lehtinen 2018, "Progressive
Growing of GANs", section 5): it sees texture and colour at every scale and needs no
other trained network.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

PATCH: Final = 7
N_PATCHES: Final = 64
"""Of each picture and level."""
N_DIRECTIONS: Final = 128
SMALLEST: Final = 14
"""Side of the smallest level of the pyramid."""

Pictures = NDArray[np.float32]
"""[n, C, S, S] in [-1, 1]"""


def sliced_wasserstein(
    left: Pictures, right: Pictures, rng: np.random.Generator
) -> float:
    """Return the mean distance of patches over a pyramid, in deviations of the left.

    Args:
        left: photographs [n, C, S, S].
        right: what is compared with them, of the same shape.
        rng: draws patches and directions.

    Raises:
        ValueError: the sets differ in shape.
    """
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
