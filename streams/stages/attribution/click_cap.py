"""A person's joined clicks, hour by hour -> whether they still are a person's.

The cap is a function of the set of clicks: once an hour of event time holds too many,
all of them stop teaching, those before the cap too.
"""

from collections.abc import Iterable

from streams.stages.attribution.state import ClickHour, Reaction
from streams.stages.attribution.tables import AttributionTables, hour_key

MAX_CLICKS_PER_HOUR = 30
"""At 1 to 3 clicks in 100 impressions, 30 clicks are over 1,000 ads in an hour: no
person looks at one every 3.6 seconds."""


class ClickCap:
    """Counts joined clicks per person and hour."""

    def __init__(self, tables: AttributionTables) -> None:
        self._tables = tables

    def add(
        self, partition: int, user_id: str, clicked_at: int, impression: str, now: int
    ) -> ClickHour | None:
        """Count a click; return the hour when this click is one too many for it."""
        key = hour_key(user_id, clicked_at)
        hour = self._tables.hours.get(partition, key)
        if hour is None:
            hour = ClickHour(arrived_at=now)
            self._tables.watch_hour(partition, key, hour)
        if hour.over:
            return None
        hour.n_clicks += 1
        if impression not in hour.impressions:
            hour.impressions.append(impression)
        self._tables.hours.put(partition, key, hour)
        return hour if hour.n_clicks > MAX_CLICKS_PER_HOUR else None

    def is_over(
        self, partition: int, user_id: str, reactions: Iterable[Reaction]
    ) -> bool:
        """Return whether one of the clicks lies in an hour with too many."""
        for reaction in reactions:
            if reaction.kind == "click":
                key = hour_key(user_id, reaction.at)
                hour = self._tables.hours.get(partition, key)
                if hour is not None and hour.over:
                    return True
        return False
