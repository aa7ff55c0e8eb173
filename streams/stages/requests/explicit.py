"""Columns of CreativeRequest -> the explicit requests among them, admitted.

Most of what comes this way is what the stage itself has asked for: it is told apart by
one column and costs nothing more.
"""

from typing import get_args

import numpy as np

from schemas.records import CreativeRequest, RequestReason
from schemas.vocabulary import deployed, mark
from streams.admission.records import reason_to_reject
from streams.columns.columns import Columns, cut
from streams.columns.payload import Payload

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
