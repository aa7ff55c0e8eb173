"""Preferences, requests and feedback -> the requests stage, and its changelog."""

import random
from collections import Counter
from dataclasses import replace

from schemas.lock import LockedIds
from schemas.records import CreativeRequest, Design, Feedback, Preference, Record
from streams.columns.decoder import Decoder
from streams.columns.payload import Payload
from streams.settings import RequestsSettings
from streams.stages.requests.stage import COLUMNS, Requests
from tests.fuzz.feedback_feed import feedback
from tests.fuzz.sections import Sections, exact
from tests.streams.hostile_records import NAMES, NOW, USERS, mutated, preference

_HOUR = 3_600_000


class RequestsFeed:
    """Feeds `requests.kernel`."""

    def __init__(self, rng: random.Random, counts: Counter[str]) -> None:
        self._rng, self._counts = rng, counts
        ids = LockedIds()
        self._decoders = {
            record: Decoder(record, ids, fields, "user_id")
            for record, fields in COLUMNS.items()
        }
        self._preferences = Sections(Preference, _recent, rng, n_spoilt=20)
        self._explicit = Sections(CreativeRequest, _request, rng, n_spoilt=20)
        self._feedback = Sections(Feedback, _seen, rng, n_spoilt=20)
        self._stage = self._new_stage()
        self._now = NOW
        self._offset = 0

    def _new_stage(self) -> Requests:
        return Requests(RequestsSettings(cooldown_s=1.0), frame=b"\0\0\0\0\1")

    def round(self) -> None:
        """Take payloads of each kind through the stage."""
        if self._rng.random() < 0.2:
            self._stage = self._new_stage()
        for content, n in self._preferences:
            self._fold(Preference, content, n)
        for content, n in self._explicit:
            self._fold(CreativeRequest, content, n)
        for content, n in self._feedback:
            self._fold(Feedback, content, n)

    def _fold(self, record: type[Record], content: memoryview, n: int) -> None:
        payload = Payload(content, n, self._offset, self._now)
        columns = self._decoders[record].decode([payload], 0, self._now)
        self._offset += n
        self._counts["inputs"] += len(columns) + len(columns.odd)
        out = self._stage.fold(record, self._rng.randrange(2), columns, self._now)
        self._counts["requests"] += len(out)
        self._now += self._rng.choice([0, 1, 2_000, _HOUR])
        if self._rng.random() < 0.1:
            self._counts["requests"] += len(self._stage.tick(self._now))
            self._write()

    def _write(self) -> None:
        """Bring the changelog back into other stages: as it is, and spoilt."""
        good, spoilt = self._new_stage(), self._new_stage()
        for section in self._stage.take_sections():
            records, n = section.records, section.n_records
            self._counts["written"] += n
            good.restore_payloads(0, [Payload(exact(records), n, 0, 0)], 0)
            bad = exact(mutated(self._rng, records))
            try:
                spoilt.restore_payloads(0, [Payload(bad, n, 0, 0)], 0)
            except ValueError:
                self._counts["changelogs refused"] += 1
        for stage in (good, spoilt):
            self._counts["requests"] += len(stage.tick(self._now + _HOUR))


def _recent(rng: random.Random, *, odd: float = 0.1) -> Preference:
    """Return the preferences of somebody who was here lately."""
    one = preference(rng, odd=odd)
    return one if rng.random() < odd else replace(one, as_of=NOW - rng.randrange(_HOUR))


def _seen(rng: random.Random, *, odd: float = 0.1) -> Feedback:
    """Return feedback on an ad of one of two styles, shown lately to a few people."""
    one = feedback(rng, odd=odd)
    if rng.random() < odd:
        return one
    look = {"hero": rng.choice(["dots", "wave"])}
    return replace(
        one,
        user_id=f"user-{rng.randrange(50)}",
        valid=True,
        placement="feed-card",
        shown_at=NOW + rng.randrange(_HOUR),
        design=Design(categorical=look, continuous={}),
    )


def _request(rng: random.Random, *, odd: float = 0.1) -> CreativeRequest:
    def field(good, strange):  # type: ignore[no-untyped-def]
        return rng.choice(strange) if rng.random() < odd else good

    at = NOW - rng.randrange(2 * _HOUR)
    vector = rng.choice([None, bytes(4 * 64), b"\xff" * 256, b"abc", b""])
    return CreativeRequest(
        request_id=field(f"r{rng.getrandbits(40):x}", NAMES),
        user_id=field(f"user-{rng.randrange(50)}", USERS),
        reason=rng.choice(["explicit", "explicit", "new_user", "expiry"]),
        placement=field("feed-card", ("search-text", *NAMES)),
        surface=rng.choice(["search", "social", "video", "device"]),
        language=field("en", NAMES),
        preferences=vector,
        requested_at=at,
        deadline_at=at + 30_000,
    )
