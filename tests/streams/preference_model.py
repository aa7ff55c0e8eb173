"""Events of consenting people -> their preferences, by the definition, event by event.

No code of the hot path: float64, one loop, what the documentation says. Held against
what a worker wrote.
"""

from dataclasses import dataclass, field

import numpy as np

from schemas.vocabulary import deployed

LIVES_S = (3_600, 86_400, 1_209_600)
WORTH = {
    "impression": 0.0,
    "view": 0.5,
    "search": 1.0,
    "click": 1.0,
    "conversion": 3.0,
    "dismiss": -1.0,
}
SURFACES = ("search", "social", "video", "device", None)
TICK_MS = 512
EPOCH_MS = 946_684_800_000


@dataclass
class Person:
    """What is known of a person: all distinct events."""

    events: dict = field(default_factory=dict)

    def add(self, event):
        """Take an event over, unless its id came before."""
        self.events.setdefault(event.event_id, event)

    @property
    def as_of(self):
        return max(event.occurred_at for event in self.events.values())

    def decayed(self, life_ms, worth):
        """Return the sum of `worth` of the events, each halved every `life_ms`."""
        return sum(
            worth(event) * 0.5 ** ((self.as_of - event.occurred_at) / life_ms)
            for event in self.events.values()
        )

    def weights(self):
        """Return [half-lives, categories]."""
        table = np.zeros((len(LIVES_S), len(deployed().categories)))
        categories = {event.category for event in self.events.values()}
        for category in categories & set(deployed().categories):
            for life, length in enumerate(LIVES_S):
                table[life, deployed().column(category)] = self.decayed(
                    length * 1_000,
                    lambda event, c=category: (event.category == c) * WORTH[event.kind],
                )
        return table

    def exposures(self):
        """Return impressions by surface, with a half-life of a day."""
        return [
            self.decayed(
                86_400_000,
                lambda event, s=surface: (
                    event.kind == "impression" and event.surface == s
                ),
            )
            for surface in SURFACES
        ]

    def bursts(self):
        """Return impressions and clicks, with a half-life of a minute."""
        return [
            self.decayed(60_000, lambda event, k=kind: event.kind == k)
            for kind in ("impression", "click")
        ]

    def n_unclicked(self):
        """Return how many impressions came after the last click, 6 at most."""
        clicks = [tick(event) for event in self.of_kind("click")]
        shown = [tick(event) for event in self.of_kind("impression")]
        return min(6, sum(one > max(clicks, default=0) for one in shown))

    def of_kind(self, kind):
        return [event for event in self.events.values() if event.kind == kind]


def tick(event):
    return (event.occurred_at - EPOCH_MS) // TICK_MS


def people(events):
    """Return user id -> person."""
    found = {}
    for event in events:
        found.setdefault(event.user_id, Person()).add(event)
    return found


def differing(records, expected):
    """Return the user ids whose record is not what the model says."""
    users = records.keys() | expected.keys()
    return sorted(user for user in users if not _is_equal(records, expected, user))


def _is_equal(records, expected, user):
    if user not in records or user not in expected:
        return False
    record, person = records[user], expected[user]
    counts = (record.n_events, record.as_of, record.n_unclicked, record.consent)
    if counts != (len(person.events), person.as_of, person.n_unclicked(), True):
        return False
    return all(
        np.allclose(np.frombuffer(got, "<f4"), np.ravel(wanted), rtol=1e-4, atol=1e-5)
        for got, wanted in (
            (record.weights, person.weights()),
            (record.exposures, person.exposures()),
            (record.bursts, person.bursts()),
        )
    )
