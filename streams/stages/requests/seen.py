"""ads.feedback.v1 -> impressions whose style is known: clicked, or not."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any, NamedTuple, cast, get_args

import fastavro
import numpy as np

from model_export.space.style import style_of
from schemas.avro import schema_of
from schemas.records import Feedback, Outcome
from streams.columns.columns import Columns, cut
from streams.columns.plan import NULL

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
