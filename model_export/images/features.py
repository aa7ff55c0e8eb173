"""Pictures -> features to compare them by: edges in small cells, colour in a grid.

Edges: histograms of oriented gradients (Dalal, Triggs 2005, "Histograms of Oriented
Gradients for Human Detection"). Pixels lie in [0, 1] and channels are averaged; central
differences give length and direction of the gradient; 8 unsigned orientations, each
pixel voting for its two nearest by its length; cells of 8 x 8 pixels at 64 and 4 x 4 at
28. Each cell is divided by its length + 0.1, so a cell's histogram has length below 1,
and by the number of cells in a row, so a picture's has. No blocks overlap.

Colour: mean and standard deviation of each channel in a grid of 4 x 4, divided by 4 for
the same reason.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

N_ORIENTATIONS: Final = 8
CELL_PX: Final = {28: 4, 64: 8}
GRID: Final = 4
SMALLEST: Final = 0.1
"""Summed gradient of a cell below which it counts as plain, in grey levels of 1."""

Pictures = NDArray[np.float32]
"""[n, C, S, S] in [-1, 1]"""
Features = NDArray[np.float32]
"""[n, d]"""


def features(pictures: Pictures) -> Features:
    """Return edges and colour side by side: [n, 608] at 64 x 64 x 3, [n, 424] at 28."""
    unit: Pictures = ((pictures + 1) / 2).astype(np.float32)
    return np.concatenate([_edges(unit), _colours(unit)], 1)


def _edges(unit: Pictures) -> Features:
    grey = unit.mean(1)  # (n, S, S)
    n, side, _ = grey.shape
    down, across = np.gradient(grey, axis=(1, 2))
    length = np.hypot(across, down)
    # In units of an orientation; its centre is at the whole number.
    turn = np.mod(np.arctan2(down, across), np.pi) / np.pi * N_ORIENTATIONS - 0.5
    lower = np.floor(turn)
    upper_votes = (turn - lower) * length
    lower = lower.astype(np.int64)
    cells = _histograms(lower, length - upper_votes)
    cells += _histograms(lower + 1, upper_votes)
    longest = np.linalg.norm(cells, axis=-1, keepdims=True) + SMALLEST
    k = side // CELL_PX[side]
    return np.asarray((cells / longest / k).reshape(n, -1), np.float32)


def _histograms(
    orientation: NDArray[np.int64], votes: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Sum votes [n, S, S] by cell and orientation (of any turn): [n, k * k, 8]."""
    n, side, _ = votes.shape
    row = np.arange(side) // CELL_PX[side]
    k = side // CELL_PX[side]
    cell = row[:, None] * k + row  # (S, S)
    place = np.arange(n)[:, None, None] * k * k + cell
    slot = place * N_ORIENTATIONS + orientation % N_ORIENTATIONS
    sums = np.bincount(slot.ravel(), votes.ravel(), n * k * k * N_ORIENTATIONS)
    return np.asarray(sums.reshape(n, k * k, N_ORIENTATIONS), np.float64)


def _colours(unit: Pictures) -> Features:
    n, channels, side, _ = unit.shape
    step = side // GRID
    blocks = unit.reshape(n, channels, GRID, step, GRID, step)
    means = blocks.mean((3, 5)).reshape(n, -1)
    deviations = blocks.std((3, 5)).reshape(n, -1)
    return np.asarray(np.concatenate([means, deviations], 1) / GRID, np.float32)
