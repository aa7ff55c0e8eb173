"""Preference records, or columns of them -> what they say of people's tastes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from schemas.records import Preference
from streams.core.columnar.columns import Columns, cut
from streams.core.columnar.frames import varint
from streams.core.columnar.payload import Payload
from streams.core.preference_vector import Floats, mixed
from streams.core.request_rows import MAX_COUNT

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
) -> Iterator[Taste | None]:
    """Yield what rows of columns say; None where the weights do not fit."""
    for row in range(rows.start, rows.stop):
        payload = payload_of(columns, row)
        weights = cut(payload, int(columns.slot("weights")[row])) or b""
        lives = cut(payload, int(columns.slot("half_lives_s")[row])) or b"\0"
        n_half_lives, _ = varint(lives, 0, len(lives))
        if not _fit(weights, n_half_lives, n_categories):
            yield None
            continue
        vector = mixed(weights, n_half_lives, n_categories)
        yield taste_at(columns, row, vector, _liked(weights, n_categories))


def taste_at(columns: Columns, row: int, vector: Floats, liked: float) -> Taste:
    """Return what a row of columns says, with what its weights come to."""
    payload = payload_of(columns, row)
    language = cut(payload, int(columns.slot("language")[row]))
    return Taste(
        user_id=(cut(payload, int(columns.slot("user_id")[row])) or b"").decode(),
        as_of=int(columns.slot("as_of")[row]),
        consent=bool(columns.slot("consent")[row]),
        language=_language(None if language is None else language.decode()),
        n_unclicked=min(int(columns.slot("n_unclicked")[row]), MAX_COUNT),
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


def payload_of(columns: Columns, row: int) -> Payload:
    """Return the payload that a row's spans point into."""
    return columns.payloads[
        int(np.searchsorted(columns.row_starts, row, side="right")) - 1
    ]


def _fit(weights: bytes, n_half_lives: int, n_categories: int) -> bool:
    if n_half_lives < 1 or len(weights) != 4 * n_half_lives * n_categories:
        return False
    return bool(np.isfinite(np.frombuffer(weights, "<f4")).all())


def _liked(weights: bytes, n_categories: int) -> float:
    longest = np.frombuffer(weights, "<f4")[-n_categories:]
    return float(np.maximum(longest, 0).sum())


def _language(language: str | None) -> str:
    return "zh" if (language or "").lower().startswith("zh") else "en"
