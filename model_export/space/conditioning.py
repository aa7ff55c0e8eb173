"""Preferences + surface + hour -> condition vector; training and serving share it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.records import Surface
from schemas.vocabulary import deployed

SURFACES = deployed().surfaces
N_CATEGORIES = len(deployed().categories)
EVENTS = N_CATEGORIES + len(SURFACES) + 2
"""Column of the number of events behind the preferences: how well somebody is known."""

WHERE_WHEN = slice(N_CATEGORIES, EVENTS)
"""Columns of the surface and the hour."""

CONDITION_SIZE = EVENTS + 1
"""64 preferences + 4 surfaces + sine and cosine of the hour + events = 71."""

MAX_EVENTS = 500.0
"""More events than this say no more about somebody."""

_POSITION: dict[str, int] = {name: column for column, name in enumerate(SURFACES)}
_UNKNOWN_SHARE = 0.1
_LITTLE_ENDIAN = np.dtype("<f4")


def condition(
    preferences: NDArray[np.floating],
    surfaces: Sequence[Surface],
    hours: NDArray[np.integer],
) -> NDArray[np.float32]:
    """Return condition vectors.

    Preferences become square roots of frequencies: sqrt(w / sum of w), so that their
    squares sum to one; somebody without preferences keeps zeros. Their sum, at most
    500, is kept beside them. Negative weights (dismissed categories) and non-finite
    ones count as zero.

    Args:
        preferences: float[n, 64], decayed weights in column order, in events.
        surfaces: surface of each row.
        hours: int[n], hour of the day in UTC; counted modulo 24.

    Returns:
        float32[n, 71].
    """
    finite = np.where(np.isfinite(preferences), preferences, 0.0)
    weights = np.maximum(finite, 0.0).astype(np.float64)
    total = weights.sum(1, keepdims=True)
    shares = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    answer = np.zeros((len(weights), CONDITION_SIZE), np.float32)
    answer[:, :N_CATEGORIES] = np.sqrt(shares)
    columns = [N_CATEGORIES + _POSITION[surface] for surface in surfaces]
    answer[np.arange(len(weights)), columns] = 1.0
    angle = 2.0 * np.pi * (np.asarray(hours) % 24) / 24.0
    answer[:, EVENTS - 2] = np.sin(angle)
    answer[:, EVENTS - 1] = np.cos(angle)
    answer[:, EVENTS] = np.minimum(total[:, 0], MAX_EVENTS)
    return answer


def random_people(n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return conditions of people who like anything, anywhere, at any hour: [n, 71].

    One in ten has no preferences yet.
    """
    weights = rng.gamma(0.3, 2.0, size=(n, N_CATEGORIES))
    weights[rng.random(n) < _UNKNOWN_SHARE] = 0.0
    surfaces = [SURFACES[i] for i in rng.integers(0, len(SURFACES), n)]
    return condition(weights, surfaces, rng.integers(0, 24, n))


def to_bytes(row: NDArray[np.float32]) -> bytes:
    """Return one condition vector as the records carry it: float32 little-endian."""
    return row.astype(_LITTLE_ENDIAN).tobytes()


def from_bytes(content: bytes) -> NDArray[np.float32]:
    """Return a record's condition vector: float32[71].

    Raises:
        ValueError: not 71 finite float32 numbers.
    """
    if len(content) != CONDITION_SIZE * _LITTLE_ENDIAN.itemsize:
        raise ValueError(
            f"condition of {len(content)} bytes: expected {CONDITION_SIZE} float32"
        )
    row = np.frombuffer(content, _LITTLE_ENDIAN).astype(np.float32)
    if not np.isfinite(row).all():
        raise ValueError("condition with non-finite numbers: expected finite ones")
    return row
