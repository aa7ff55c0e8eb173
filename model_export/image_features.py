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
    upper_share = turn - lower
    lower = lower.astype(np.int64)
    cell = CELL_PX[side]
    k = side // cell
    cells = np.empty((n, k, k, N_ORIENTATIONS), np.float32)
    for orientation in range(N_ORIENTATIONS):
        share = np.where(lower % N_ORIENTATIONS == orientation, 1 - upper_share, 0)
        share += np.where((lower + 1) % N_ORIENTATIONS == orientation, upper_share, 0)
        votes = (share * length).reshape(n, k, cell, k, cell)
        cells[..., orientation] = votes.sum((2, 4))
    cells /= (np.linalg.norm(cells, axis=-1, keepdims=True) + SMALLEST) * k
    return cells.reshape(n, -1)


def _colours(unit: Pictures) -> Features:
    n, channels, side, _ = unit.shape
    step = side // GRID
    blocks = unit.reshape(n, channels, GRID, step, GRID, step)
    means = blocks.mean((3, 5)).reshape(n, -1)
    deviations = blocks.std((3, 5)).reshape(n, -1)
    return np.asarray(np.concatenate([means, deviations], 1) / GRID, np.float32)
