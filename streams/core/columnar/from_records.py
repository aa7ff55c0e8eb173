"""Decoded Behavior records -> columns: what came odd is folded like all the rest."""

from collections.abc import Sequence
from typing import get_args

import numpy as np

from schemas.records import Behavior, Surface
from streams.core.columnar.columns import LENGTH_BITS, Columns
from streams.core.columnar.payload import Payload
from streams.core.columnar.plan import NULL
from streams.core.columnar.rules import KINDS

FOLDED = (
    "event_id",
    "user_id",
    "kind",
    "occurred_at",
    "surface",
    "category",
    "consent",
)
"""Fields of Behavior that the fold reads."""

_SURFACES: tuple[str, ...] = get_args(Surface)


def behavior_columns(records: Sequence[tuple[int, Behavior]]) -> Columns:
    """Return the columns `FOLDED` of (offset, record) pairs in offset order."""
    content = bytearray()

    def span(text: str | None) -> int:
        if text is None:
            return NULL
        encoded = text.encode()
        content.extend(encoded)
        return (len(content) - len(encoded)) << LENGTH_BITS | len(encoded)

    slots = [
        (
            span(one.event_id),
            span(one.user_id),
            KINDS.index(one.kind),
            one.occurred_at,
            NULL if one.surface is None else _SURFACES.index(one.surface),
            span(one.category),
            int(one.consent),
        )
        for _, one in records
    ]
    table = np.array(slots, np.int64).reshape(-1, len(FOLDED)).T.copy()
    return Columns(
        payloads=(Payload(bytes(content) or b"\0", len(records), 0, 0),),
        row_starts=np.array([0, len(records)], np.int64),
        offsets=np.array([offset for offset, _ in records], np.int64),
        keys=table[1].copy(),
        slots=table,
        names=FOLDED,
        odd=np.zeros((0, 4), np.int64),
    )
