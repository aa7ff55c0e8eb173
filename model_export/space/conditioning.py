"""Preferences + surface + hour -> condition vector; training and serving share it."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from schemas.records import Surface
from schemas.vocabulary import Ids, deployed, ids_of, mapped, mark

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
_AROUND = 2
"""Columns of the hour."""
_MARK = -1.0
"""Ends a stored vector under another vocabulary than the bundled one: a number of
events is never negative. The three floats before it hold the digest, 16 bits each."""
_DIGEST_FLOATS = 3
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


def size_of(ids: Ids) -> int:
    """Return how many columns a condition has: 71 under the bundled vocabulary."""
    return len(ids.categories) + len(ids.surfaces) + _AROUND + 1


def moved(
    conditions: NDArray[np.float32],
    given: Ids,
    wanted: Ids,
    maps: Mapping[str, str] = MappingProxyType({}),
) -> NDArray[np.float32]:
    """Return conditions under another vocabulary.

    The events of each category stay what they were; those of a category that is not
    wanted, and has no home in `maps`, are left out, as if they had not been.

    Args:
        conditions: float32[n, columns of `given`].
        given: what they are under.
        wanted: what they are to be under.
        maps: retired category -> its home.
    """
    if given == wanted:
        return conditions
    n_given, n_wanted = len(given.categories), len(wanted.categories)
    before = np.square(conditions[:, :n_given].astype(np.float64))
    after = mapped(before, given.categories, wanted.categories, maps)
    kept, all_ = after.sum(1), before.sum(1)
    # What loses nothing stays as it is, to the bit.
    loses = ~np.isclose(kept, all_, rtol=1e-12, atol=0.0)
    share = np.divide(kept, all_, out=np.ones(len(all_)), where=loses)
    shares = np.divide(
        after, share[:, None], out=np.zeros_like(after), where=share[:, None] > 0.0
    )
    answer = np.zeros((len(conditions), size_of(wanted)), np.float32)
    answer[:, :n_wanted] = np.sqrt(shares)
    places = slice(n_given, n_given + len(given.surfaces))
    answer[:, n_wanted : n_wanted + len(wanted.surfaces)] = mapped(
        conditions[:, places], given.surfaces, wanted.surfaces
    )
    answer[:, -1 - _AROUND :] = conditions[:, -1 - _AROUND :]
    answer[:, -1] *= share
    return answer


def sealed(conditions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return conditions [n, 71] as records carry them: with their vocabulary behind.

    The bundled vocabulary has no mark: its conditions stay as they are.
    """
    digest = mark()
    if digest is None:
        return conditions
    words = [float(int(digest[i : i + 4], 16)) for i in range(0, len(digest), 4)]
    tail = np.tile(np.array([*words, _MARK], np.float32), (len(conditions), 1))
    return np.concatenate([conditions, tail], 1)


def to_bytes(row: NDArray[np.float32]) -> bytes:
    """Return one condition vector as the records carry it: float32 little-endian."""
    return sealed(row[None]).astype(_LITTLE_ENDIAN).tobytes()


def from_bytes(content: bytes) -> NDArray[np.float32]:
    """Return a record's condition vector, under our vocabulary: float32[71].

    Raises:
        ValueError: not finite float32 numbers, one for each column of the vocabulary
            that they were written under; or nobody knows that one.
    """
    if len(content) % _LITTLE_ENDIAN.itemsize:
        raise ValueError(f"condition of {len(content)} bytes: expected float32 numbers")
    row = np.frombuffer(content, _LITTLE_ENDIAN).astype(np.float32)
    if not np.isfinite(row).all():
        raise ValueError("condition with non-finite numbers: expected finite ones")
    digest = None
    if len(row) > _DIGEST_FLOATS and row[-1] == _MARK:
        words = row[-1 - _DIGEST_FLOATS : -1].astype(np.int64) & 0xFFFF
        digest = "".join(f"{word:04x}" for word in words)
        row = row[: -1 - _DIGEST_FLOATS]
    given = ids_of(digest)
    if len(row) != size_of(given):
        raise ValueError(
            f"condition of {len(row)} float32: expected {size_of(given)} under the "
            f"vocabulary {given.digest}"
        )
    ours: NDArray[np.float32]
    (ours,) = moved(row[None], given, deployed().ids, deployed().maps)
    return ours
