"""Records of the three sources, or columns of them -> what they say of a person."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any, NamedTuple, cast, get_args

import fastavro
import numpy as np

from model_export.space.style import style_of
from schemas.avro import schema_of
from schemas.preference_vector import Floats, mixed
from schemas.records import (
    CreativeRequest,
    Feedback,
    Outcome,
    Preference,
    RequestReason,
)
from schemas.vocabulary import deployed, mark
from streams.admission.records import reason_to_reject
from streams.columns.columns import Columns, Ints, cut
from streams.columns.payload import Payload
from streams.columns.plan import NULL

MAX_COUNT = 2**31 - 1
"""Impressions are counted so far."""

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


def _liked(weights: bytes, n_categories: int) -> float:
    longest = np.frombuffer(weights, "<f4")[-n_categories:]
    return float(np.maximum(longest, 0).sum())


def _language(language: str | None) -> str:
    return "zh" if (language or "").lower().startswith("zh") else "en"


ASKED = (
    "reason",
    "request_id",
    "user_id",
    "placement",
    "language",
    "category",
    "preferences",
    "surface",
    "requested_at",
    "deadline_at",
)
"""Fields of CreativeRequest that are read: `_record` takes them in this order."""

_EXPLICIT = get_args(RequestReason).index("explicit")
_SURFACES = deployed().surfaces


def explicit_requests(columns: Columns, now: int) -> list[CreativeRequest]:
    """Return the explicit requests; those that cannot be used are left out.

    The creatives stage, which answers them, sends the latter to the dead letters.
    """
    found = []
    for row in np.flatnonzero(columns.slot("reason") == _EXPLICIT).tolist():
        at = int(columns.row_starts.searchsorted(row, side="right")) - 1
        request = _record(columns.payloads[at], columns.slots[:, row].tolist())
        if request is not None and reason_to_reject(request, now) is None:
            found.append(request)
    return found


def _record(payload: Payload, slots: list[int]) -> CreativeRequest | None:
    """Return the record; None when its surface is not one of ours."""
    _, *spans, surface, requested_at, deadline_at = slots
    *texts, preferences = (cut(payload, span) for span in spans)
    names = [None if text is None else text.decode() for text in texts]
    request_id, user_id, placement, language, category = names
    if not (request_id and user_id and placement and language) or surface < 0:
        return None
    return CreativeRequest(
        request_id=request_id,
        user_id=user_id,
        reason="explicit",
        placement=placement,
        surface=_SURFACES[surface],
        language=language,
        category=category,
        preferences=preferences,
        requested_at=requested_at,
        deadline_at=deadline_at,
        vocabulary=mark(),  # columns are under ours
    )


SEEN = ("user_id", "placement", "outcome", "valid", "shown_at", "design")
"""Fields of Feedback that are read: `_seen_at` takes them in this order."""

_OUTCOMES = get_args(Outcome)
_CLICKED = frozenset({"click", "conversion"})


class Seen(NamedTuple):
    """What came of one impression, as far as is known."""

    user_id: str
    placement: str
    style: str
    shown_at: int
    clicked: bool


def seen_in(columns: Columns) -> Iterator[Seen]:
    """Yield the impressions of people, robots left out, whose style is known.

    Args:
        columns: `SEEN`, in offset order.
    """
    known = (columns.slot("design") != NULL) & (columns.slot("placement") != NULL)
    rows = np.flatnonzero(known & (columns.slot("valid") != 0))
    payloads = np.searchsorted(columns.row_starts, rows, side="right") - 1
    slots = columns.slots[:, rows].T.tolist()
    for at, (user, placement, outcome, _, shown_at, design) in zip(
        payloads.tolist(), slots, strict=True
    ):
        payload = columns.payloads[at]
        style = style_of(_categorical(cut(payload, design) or b""))
        if style is not None:
            yield Seen(
                (cut(payload, user) or b"").decode(),
                (cut(payload, placement) or b"").decode(),
                style,
                shown_at,
                _OUTCOMES[outcome] in _CLICKED,
            )


def seen_of(feedback: Feedback) -> Seen | None:
    """Return what a record says; None where `seen_in` leaves it out."""
    design, placement = feedback.design, feedback.placement
    style = None if design is None else style_of(design.categorical)
    if style is None or placement is None or not feedback.valid:
        return None
    clicked = feedback.outcome in _CLICKED
    return Seen(feedback.user_id, placement, style, feedback.shown_at, clicked)


def _categorical(design: bytes) -> dict[str, str]:
    """Return the first of a design's two maps."""
    found = fastavro.schemaless_reader(BytesIO(design), _CATEGORICAL, None)
    return cast("dict[str, str]", found)


def _map_schema() -> Any:
    branches = next(
        field["type"]
        for field in schema_of(Feedback)["fields"]
        if field["name"] == "design"
    )
    (design,) = (branch for branch in branches if branch != "null")
    return fastavro.parse_schema(design["fields"][0]["type"])


_CATEGORICAL = _map_schema()
