"""Feedback payloads -> what the sink makes of them: columns, the entries of designs."""

import random
from collections import Counter

import numpy as np

from schemas.lock import LockedIds
from schemas.records import Design, Feedback
from streams.columns.columns import Columns
from streams.columns.decoder import Decoder
from streams.columns.payload import Payload
from streams.kafka.fetched import TP
from streams.sink.arrow import ArrowColumns
from streams.sink.designs import CHOICES, NUMBERS, design_map, entries_in_python
from tests.fuzz.sections import Sections
from tests.streams.hostile_records import DOUBLES, NAMES, NOW, TIMES, USERS

_TP = TP("ads.feedback.v1", 0)
_OUTCOMES = ("none", "click", "conversion", "dismiss")
_SIZES = (0, 1, 2, 5, 63, 64, 65, 130)
"""Entries of a map; the decoder leaves more than 64 to the codec."""


class FeedbackFeed:
    """Feeds `_decode` and `_strings` with designs."""

    def __init__(self, rng: random.Random, counts: Counter[str]) -> None:
        self._rng, self._counts = rng, counts
        self._arrow = ArrowColumns(Feedback)
        self._decoder = Decoder(Feedback, LockedIds(), self._arrow.names, "user_id")
        self._sections = Sections(Feedback, feedback, rng, n_spoilt=20)

    def round(self) -> None:
        """Take one payload to Arrow, spoilt in many ways."""
        for content, n in self._sections:
            columns = self._decoder.decode([Payload(content, n, 0, NOW)], 0, NOW)
            self._counts["inputs"] += len(columns) + len(columns.odd)
            if len(columns):
                self._enter(columns)

    def _enter(self, columns: Columns) -> None:
        """Compare the entries of designs with Python's; make the batch of the sink."""
        self._arrow.batch(columns, _TP).validate(full=True)
        slot = np.ascontiguousarray(columns.slot("design"))
        for which in (CHOICES, NUMBERS):
            found = design_map(which, columns, slot)
            bounds, *_ = entries_in_python(
                columns.payloads, columns.row_starts, slot, which
            )
            if not np.array_equal(found.offsets.to_numpy(), bounds):
                raise AssertionError("the compiled entries differ from Python's")
            self._counts["design entries"] += int(bounds[-1])


def feedback(rng: random.Random, *, odd: float = 0.1) -> Feedback:
    """Return a judgement; each field is drawn from the odd values with a chance."""

    def field(good, strange):  # type: ignore[no-untyped-def]
        return rng.choice(strange) if rng.random() < odd else good

    return Feedback(
        feedback_id=field("f1", NAMES),
        impression_id=field("i1", NAMES),
        revision=field(0, TIMES),
        user_id=field(f"user-{rng.randrange(50)}", USERS),
        outcome=rng.choice(_OUTCOMES),
        reward=field(1.0, DOUBLES),
        value=rng.choice([None, field(3.5, DOUBLES)]),
        valid=rng.random() < 0.9,
        shown_at=field(NOW, TIMES),
        decided_at=field(NOW, TIMES),
        delay_ms=rng.choice([None, field(5, TIMES)]),
        creative_id=rng.choice([None, field("c1", NAMES)]),
        placement=rng.choice([None, field("top", NAMES)]),
        surface=rng.choice([None, "search", "social"]),
        category=rng.choice([None, field("running", NAMES)]),
        item=rng.choice([None, field("item-7", NAMES)]),
        arm=field("champion", NAMES),
        design=rng.choice([None, _design(rng, odd)]),
    )


def _design(rng: random.Random, odd: float) -> Design:
    """Return a design of any size, its names odd with a chance."""

    def name(number: int) -> str:
        return rng.choice(NAMES) if rng.random() < odd / 4 else f"name-{number}"

    return Design(
        categorical={name(i): name(i) for i in range(rng.choice(_SIZES))},
        continuous={
            name(i): rng.choice(DOUBLES) if rng.random() < odd / 4 else 0.5
            for i in range(rng.choice(_SIZES))
        },
    )
