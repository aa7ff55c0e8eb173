"""Click critic -> posterior draws, as serving multiplies them; each draw's best design.

A draw is one belief about all weights. Its best design for a person is a Thompson
sample: exact, for the critic has no interactions between attributes.
"""

import numpy as np
from numpy.typing import NDArray

from model_export.critic.layout import Layout
from model_export.critic.selector import ClickCritic
from model_export.store.onnx_file import ModelFileError

Floats = NDArray[np.float32]

N_DRAWS = 32
"""Posterior draws: 16 antithetic pairs."""

_LITTLE_ENDIAN = np.dtype("<f4")
_HALF = np.dtype("<f2")


def posterior_draws(critic: ClickCritic, seed: int) -> Floats:
    """Return float32[P, 32]; the same for the same seed and the same examples."""
    rng = np.random.default_rng([seed, critic.n_examples, 2])
    return critic.draws(N_DRAWS, rng).astype(np.float32)


def to_bytes(draws: Floats) -> bytes:
    """Return draws [P, S] as files and records carry them: float32 little-endian."""
    return draws.astype(_LITTLE_ENDIAN).tobytes()


def to_half(draws: Floats) -> bytes:
    """Return draws [P, S] as an update carries them: float16 little-endian.

    A weight is off by a two-thousandth of itself at most, far below its deviation.
    """
    with np.errstate(over="ignore"):  # what overflows is refused as not finite
        return draws.astype(_HALF).tobytes()


def from_half(content: bytes, layout: Layout) -> Floats:
    """Return the draws float32[P, S] of an update.

    Raises:
        ModelFileError: not finite numbers for every weight of the layout.
    """
    return _drawn(content, layout, _HALF)


def from_bytes(content: bytes, layout: Layout) -> Floats:
    """Return the draws float32[P, S] in bytes.

    Raises:
        ModelFileError: not finite numbers for every weight of the layout.
    """
    return _drawn(content, layout, _LITTLE_ENDIAN)


def _drawn(content: bytes, layout: Layout, number: np.dtype[np.floating]) -> Floats:
    row = layout.n_weights * number.itemsize
    if not content or len(content) % row:
        raise ModelFileError(
            f"posterior of {len(content)} bytes: expected a multiple of {row}, "
            f"{layout.n_weights} {number.name} weights a draw"
        )
    flat = np.frombuffer(content, number).astype(np.float32)
    if not np.isfinite(flat).all():
        raise ModelFileError("posterior with non-finite numbers: expected finite ones")
    return flat.reshape(layout.n_weights, -1)


def best_designs(
    layout: Layout, worth: NDArray[np.floating]
) -> tuple[NDArray[np.intp], Floats]:
    """Return the design of the highest score for each row of look weights.

    Args:
        layout: of the looks.
        worth: [n, F], what each look is worth.

    Returns:
        The one-hot column of each categorical attribute, intp[A, n], and the
        continuous values float32[n, NC], scaled to [0, 1].
    """
    n = len(worth)
    chosen = np.empty((len(layout.sizes), n), np.intp)
    start = 0
    for row, size in enumerate(layout.sizes):
        chosen[row] = start + worth[:, start : start + size].argmax(1)
        start += size
    middle = start + layout.n_continuous
    linear, square = worth[:, start:middle], worth[:, middle:]
    # A parabola that opens upwards, or a line, is highest at an end.
    ends = np.where(linear < 0.0, -1.0, 1.0)
    peaked = square < 0.0
    top = np.divide(-linear, 2.0 * square, out=ends, where=peaked)
    continuous = (np.clip(top, -1.0, 1.0) + 1.0) / 2.0
    return chosen, continuous.astype(np.float32)
