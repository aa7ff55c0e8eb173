"""Columns of ads.behavior.v1 -> its events as rows, in pure Python."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from schemas.records import BehaviorKind
from streams.columns.columns import Columns
from streams.stages.attribution.state import KINDS


class EventRow(NamedTuple):
    """What the join reads of an event."""

    event: str
    user: str
    creative: str | None
    impression: str | None
    placement: str | None
    category: str | None
    item: str | None
    agent: str | None
    kind: BehaviorKind
    at: int
    surface: int
    """Its number; -1 is none."""
    value: float | None


def event_rows(columns: Columns) -> Iterator[EventRow]:
    """Yield the events of a batch, in order."""
    users, events = columns.texts("user_id"), columns.texts("event_id")
    creatives, impressions = (
        columns.texts("creative_id"),
        columns.texts("impression_id"),
    )
    placements, categories = columns.texts("placement"), columns.texts("category")
    items, agents = columns.texts("item"), columns.texts("user_agent")
    times = columns.slot("occurred_at").tolist()
    kinds = columns.slot("kind").tolist()
    surfaces = np.maximum(columns.slot("surface"), -1).tolist()
    values = columns.doubles("value").tolist()
    for row, (event, user) in enumerate(zip(events, users, strict=True)):
        value = values[row]
        yield EventRow(
            event=event or "",
            user=user or "",
            creative=creatives[row],
            impression=impressions[row],
            placement=placements[row],
            category=categories[row],
            item=items[row],
            agent=agents[row],
            kind=KINDS[kinds[row]],
            at=times[row],
            surface=surfaces[row],
            value=None if np.isnan(value) else value,
        )
