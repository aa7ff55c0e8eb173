"""Preference records, or columns of them -> what they say of people's tastes."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from schemas.preference_vector import Floats, mixed
from schemas.records import Preference
from streams.columns.columns import Columns, Ints, cut
from streams.columns.frames import varint
from streams.columns.payload import Payload
from streams.stages.requests.rows import MAX_COUNT

FOLLOWED = (
    "user_id",
    "as_of",
    "half_lives_s",
    "weights",
    "n_unclicked",
    "consent",
    "language",
)
"""Fields of Preference that are read."""


@dataclass(frozen=True, slots=True)
class Taste:
    """What one Preference says."""

    user_id: str
    as_of: int
    consent: bool
    language: str
    """en or zh."""
    n_unclicked: int
    vector: Floats
    """Preference vector [categories]."""
    liked: float
    """Liked weight at the longest half-life, in clicks."""


def taste_of(preference: Preference, n_categories: int) -> Taste:
    """Return what a record says."""
    n_half_lives = len(preference.half_lives_s)
    return Taste(
        user_id=preference.user_id,
        as_of=preference.as_of,
        consent=preference.consent,
        language=_language(preference.language),
        n_unclicked=min(preference.n_unclicked, MAX_COUNT),
        vector=mixed(preference.weights, n_half_lives, n_categories),
        liked=_liked(preference.weights, n_categories),
    )


def tastes_of_columns(
    columns: Columns, rows: slice, n_categories: int
) -> tuple[list[Taste], int]:
    """Return what rows of columns say, and how many have weights that do not fit."""
    weights = columns.raw(columns.slot("weights"))
    lives = columns.raw(columns.slot("half_lives_s"))
    fitting, vectors, liked = [], [], []
    for row in range(rows.start, rows.stop):
        one, n_half_lives = weights[row] or b"", _length(lives[row] or b"\0")
        if _fit(one, n_half_lives, n_categories):
            fitting.append(row)
            vectors.append(mixed(one, n_half_lives, n_categories))
            liked.append(_liked(one, n_categories))
    found = tastes_at(columns, np.array(fitting, np.int64), vectors, liked)
    return found, rows.stop - rows.start - len(fitting)


def tastes_at(
    columns: Columns, rows: Ints, vectors: Iterable[Floats], liked: Iterable[float]
) -> list[Taste]:
    """Return what rows [n] of columns say.

    Args:
        columns: `FOLLOWED`.
        rows: of the columns.
        vectors: n preference vectors [categories] that their weights come to.
        liked: n liked weights.
    """
    payloads = np.searchsorted(columns.row_starts, rows, side="right") - 1
    slots = columns.slots[:, rows].T.tolist()
    return [
        _taste_at(columns.payloads[at], values, vector, one)
        for at, values, vector, one in zip(
            payloads.tolist(), slots, vectors, liked, strict=True
        )
    ]


def _taste_at(
    payload: Payload, slots: list[int], vector: Floats, liked: float
) -> Taste:
    user, as_of, _, _, n_unclicked, consent, language_span = slots
    language = cut(payload, language_span)
    return Taste(
        user_id=(cut(payload, user) or b"").decode(),
        as_of=as_of,
        consent=bool(consent),
        language=_language(None if language is None else language.decode()),
        n_unclicked=min(n_unclicked, MAX_COUNT),
        vector=vector,
        liked=liked,
    )


def erased_in(columns: Columns) -> list[tuple[int, str]]:
    """Return (offset, user id) of tombstones whose place among the rows is known.

    Of people who have other odd records too, all of these come later, in their order.
    """
    if not len(columns.odd):
        return []
    odd = columns.odd_records()
    others = {key for _, key, value in odd if value is not None}
    return [
        (offset, (key or b"").decode("utf-8", "replace"))
        for offset, key, value in odd
        if value is None and key not in others
    ]


def _length(longs: bytes) -> int:
    """Return how many longs an Avro array of one block holds."""
    return varint(longs, 0, len(longs))[0]


def _fit(weights: bytes, n_half_lives: int, n_categories: int) -> bool:
    if n_half_lives < 1 or len(weights) != 4 * n_half_lives * n_categories:
        return False
    return bool(np.isfinite(np.frombuffer(weights, "<f4")).all())


def _liked(weights: bytes, n_categories: int) -> float:
    longest = np.frombuffer(weights, "<f4")[-n_categories:]
    return float(np.maximum(longest, 0).sum())


def _language(language: str | None) -> str:
    return "zh" if (language or "").lower().startswith("zh") else "en"
