"""Weights of attribute values by posterior draw -> scores, and the best designs.

A design sets one column an attribute, so that its score is a sum of a few rows of
`worth`; the best design of a draw is one argmax an attribute. `critic.layout.Layout`
has the order of the rows. Reference and kernel give the same bits.
"""

import numpy as np
import numpy.typing as npt

from model_export.critic.layout import Layout
from model_export.critic.posterior import best_designs
from streams.columns.compiled import built

KERNEL = built("streams.stages.creatives.kernel")

Floats = npt.NDArray[np.float32]
Columns = npt.NDArray[np.intp]

MEAN = -1
"""In place of a draw: the mean of them all."""

_LANES = 8


def score_designs(
    layout: Layout, chosen: Columns, continuous: Floats, worth: Floats, base: Floats
) -> Floats:
    """Return click logits of designs by posterior draw: [n, K, S].

    Args:
        layout: of the looks.
        chosen: [A, n, K], the one-hot column that each categorical attribute sets.
        continuous: [n, K, NC], scaled to [0, 1].
        worth: [n, F, S], what each look is worth.
        base: [n, S], the logit's part that no design moves.

    Raises:
        ValueError: the arrays do not fit each other or the layout.
    """
    score = KERNEL.score_designs if KERNEL else score_reference
    found: Floats = score(
        layout,
        np.ascontiguousarray(chosen, np.intp),
        np.ascontiguousarray(continuous, np.float32),
        np.ascontiguousarray(worth, np.float32),
        np.ascontiguousarray(base, np.float32),
    )
    return found


def best_by_draw(
    layout: Layout, worth: Floats, draws: Columns
) -> tuple[Columns, Floats]:
    """Return the best designs by some draws: columns [A, n, k], continuous [n, k, NC].

    Args:
        layout: of the looks.
        worth: [n, F, S], what each look is worth.
        draws: [n, k], of S, or `MEAN`.

    Raises:
        ValueError: the arrays do not fit each other or the layout.
    """
    find = KERNEL.best_by_draw if KERNEL else best_reference
    chosen, continuous = find(
        layout,
        np.ascontiguousarray(worth, np.float32),
        np.ascontiguousarray(draws, np.intp),
    )
    return chosen, continuous


def score_reference(
    layout: Layout, chosen: Columns, continuous: Floats, worth: Floats, base: Floats
) -> Floats:
    """Say what `score_designs` means; run where there is no kernel."""
    _expect_looks(layout, worth)
    n, n_looks, n_draws = worth.shape
    shapes = (len(chosen), *continuous.shape[::2])
    inside = (chosen >= 0) & (chosen < layout.n_logits)
    if shapes != (len(layout.sizes), n, layout.n_continuous) or not inside.all():
        raise ValueError("designs that do not fit the worth of looks")
    rows = worth.reshape(n * n_looks, n_draws)
    first = (np.arange(n) * n_looks)[:, None]
    total = np.repeat(base[:, None], continuous.shape[1], 1)
    for columns in chosen:  # (n, K)
        total += rows[columns + first]
    centred = 2.0 * continuous - 1.0
    for column in range(layout.n_continuous):
        value = centred[:, :, column, None]
        linear = worth[:, None, layout.n_logits + column]
        square = worth[:, None, layout.n_logits + layout.n_continuous + column]
        total += value * (linear + value * square)
    return total


def best_reference(
    layout: Layout, worth: Floats, draws: Columns
) -> tuple[Columns, Floats]:
    """Say what `best_by_draw` means; run where there is no kernel."""
    _expect_looks(layout, worth)
    n, k = draws.shape
    n_draws = worth.shape[2]
    if n != len(worth) or ((draws < MEAN) | (draws >= n_draws)).any():
        raise ValueError("draws that do not fit the worth of looks")
    own = worth[np.arange(n)[:, None], :, draws]  # (n, k, F)
    own[draws == MEAN] = _mean(worth)[np.nonzero(draws == MEAN)[0]]
    chosen, continuous = best_designs(layout, own.reshape(n * k, layout.n_looks))
    continuous = continuous.reshape(n, k, layout.n_continuous)
    return chosen.reshape(len(chosen), n, k), continuous


def _mean(worth: Floats) -> Floats:
    """Return the mean over draws [n, F], by eight running sums side by side."""
    n, n_looks, n_draws = worth.shape
    lanes = np.zeros((n, n_looks, _LANES), np.float32)
    for start in range(0, n_draws, _LANES):
        part = worth[:, :, start : start + _LANES]
        lanes[:, :, : part.shape[2]] += part
    while lanes.shape[2] > 1:
        half = lanes.shape[2] // 2
        lanes = lanes[:, :, :half] + lanes[:, :, half:]
    mean: Floats = lanes[:, :, 0] / np.float32(n_draws)
    return mean


def _expect_looks(layout: Layout, worth: Floats) -> None:
    if worth.shape[1] != layout.n_looks:
        raise ValueError(f"expected {layout.n_looks} looks, got {worth.shape[1]}")
