"""A requests stage, fed in columns, with a changelog."""

import numpy as np

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Creative, CreativeRequest, Feedback, Preference
from schemas.vocabulary import deployed
from streams.columns.changelog import sized, varint
from streams.columns.decoder import Decoder
from streams.columns.payload import Payload
from streams.engine.stage import Incoming, StateRow
from streams.settings import RequestsSettings
from streams.stages.requests.person import decode_person
from streams.stages.requests.stage import Requests
from tests.good_records import good

N = len(deployed().categories)
NOW = 1_800_000_000_000
SECOND = 1_000
HOUR = 3_600 * SECOND
SETTINGS = RequestsSettings(
    shift=0.35, fatigue_impressions=6, cooldown_s=20, deadline_s=30
)
IDS = LockedIds()
CODECS = {one: Codec(one, IDS) for one in (Preference, CreativeRequest, Feedback)}


def preference(user="u1", at=NOW, liked=0, weight=3.0, **changes):
    weights = np.zeros((2, N), np.float32)
    weights[:, liked] = weight
    weights[0, (liked + 1) % 7] += weight / 3
    usual = {"user_id": user, "as_of": at, "weights": weights.tobytes()}
    return good(Preference, **{**usual, **changes})


def explicit(user, at, placement, preferences=None):
    return CreativeRequest(
        request_id=f"asked-{at}",
        user_id=user,
        reason="explicit",
        placement=placement,
        surface="search",
        language="en",
        preferences=preferences,
        requested_at=at,
        deadline_at=at + 1_000,
    )


def new_stage():
    return Requests(SETTINGS)


def reference():
    return Requests(SETTINGS, use_compiled=False)


def payload_of(records, offset=0):
    """Return one batch of (user id, record or None for a tombstone)."""
    parts = []
    for i, (user, value) in enumerate(records):
        body = varint(-1) if value is None else sized(CODECS[type(value)].encode(value))
        parts.append(sized(b"\0\0" + varint(i) + sized(user.encode()) + body + b"\0"))
    return Payload(b"".join(parts), len(parts), offset, 0)


def fold(stage, batches, now, record=Preference, partition=0):
    """Fold batches in together, then what is odd about them, as the intake does."""
    if record not in stage.columnar:
        records = [pair for batch in batches for pair in batch]
        return step(stage, records, now, partition, record)
    columns = columns_of(stage, batches, now, record)
    out = stage.fold(record, partition, columns, now) if len(columns) else []
    odd = [
        Incoming(
            record,
            key.decode(),
            None if value is None else CODECS[record].decode(value),
            partition,
            offset,
        )
        for offset, key, value in columns.odd_records()
    ]
    return out + stage.step(odd, now)


def columns_of(stage, batches, now, record=Preference):
    """Return batches as the stage reads their topic."""
    decoder = Decoder(record, IDS, stage.columnar[record], "user_id")
    payloads, offset = [], 0
    for batch in batches:
        payloads.append(payload_of(batch, offset))
        offset += len(batch)
    return decoder.decode(payloads, 0, now)


def step(stage, records, now, partition=0, record=Preference):
    return [
        out
        for offset, (user, value) in enumerate(records)
        for out in stage.step([Incoming(record, user, value, partition, offset)], now)
    ]


def requests_in(outgoing):
    return sorted(
        (out.value.request_id, out.value.reason, out.value.language)
        for out in outgoing
        if out.record is CreativeRequest
    )


def tastes_in(outgoing):
    asked = [out.value for out in outgoing if out.record is CreativeRequest]
    asked.sort(key=lambda request: request.request_id)
    return np.array([np.frombuffer(one.preferences, "<f4") for one in asked])


def withdrawn_in(outgoing):
    return sorted(out.key for out in outgoing if out.record is Creative)


class Worker:
    """A stage and what its changelog holds."""

    def __init__(self, new_stage):
        self.new_stage = new_stage
        self.stage = new_stage()
        self.log = {}

    def checkpoint(self):
        """Return whose rows were written."""
        rows = self.stage.take_dirty()
        for row in rows:
            self.log[row.key] = row.value
        return sorted(row.key for row in rows)

    def restart(self):
        self.stage = self.new_stage()
        self.stage.restore(StateRow(0, key, value) for key, value in self.log.items())

    def people(self):
        return {
            key: decode_person(value, N)
            for key, value in self.log.items()
            if value is not None
        }
