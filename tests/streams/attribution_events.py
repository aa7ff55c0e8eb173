"""Behaviour events and creatives for tests of the attribution join."""

from hypothesis import strategies as st

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Behavior, Feedback
from streams.columns.batches import records_section
from streams.columns.decoder import Decoder
from streams.columns.payload import Payload
from streams.engine.stage import Incoming, Outgoing
from streams.stages.attribution.stage import FOLDED, Attribution

SECOND = 1_000
CLICK, CORRECTION = 10 * SECOND, 100 * SECOND
NOW = 500_000 * 3_600 * SECOND  # on the hour
PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:137.0) Gecko/20100101 Firefox/137.0"

IDS = LockedIds()
BEHAVIOR = Codec(Behavior, IDS)
FEEDBACK = Codec(Feedback, IDS)
DECODER = Decoder(Behavior, IDS, wanted=FOLDED, key="user_id")


def columns(events):
    """Return events as they come from the decoder, in two record batches."""
    middle = len(events) // 2
    payloads = tuple(
        Payload(
            records_section(
                (one.user_id.encode(), BEHAVIOR.encode(one)) for one in part
            ),
            len(part),
            start,
            0,
        )
        for start, part in ((0, events[:middle]), (middle, events[middle:]))
    )
    decoded = DECODER.decode(payloads, 0, NOW + 86_000 * SECOND)
    assert len(decoded) == len(events)
    return decoded


def outgoing(blocks, *, decode=False):
    """Return feedback as single records, decoded or encoded."""
    out = []
    for block in blocks:
        if isinstance(block, Outgoing):
            value = block.value if decode else FEEDBACK.encode(block.value)
            out.append(Outgoing(block.record, block.key, value))
            continue
        for key, one in block.pairs():
            value = FEEDBACK.decode(one) if decode else one
            out.append(Outgoing(block.record, key.decode(), value))
    return out


class SingleRecords(Attribution):
    """The stage, its feedback record by record as messages."""

    decode = False

    def step(self, records, now):
        return outgoing(super().step(records, now), decode=self.decode)

    def fold(self, source, partition, events, now):
        blocks = super().fold(source, partition, events, now)
        return outgoing(blocks, decode=self.decode)

    def tick(self, now):
        return outgoing(super().tick(now), decode=self.decode)


class DecodedRecords(SingleRecords):
    """The stage, its feedback as records."""

    decode = True


def incoming(events, partition=0):
    return [
        Incoming(Behavior, event.user_id, event, partition, offset)
        for offset, event in enumerate(events)
    ]


def text(draw, *choices):
    return draw(st.sampled_from([None, *choices]))


@st.composite
def behaviours(draw, n=24):
    """Return a log: few ids, so that everything meets, repeats and is late."""
    events = []
    for number in range(draw(st.integers(1, n))):
        kind = draw(
            st.sampled_from(
                ["impression"] * 4
                + ["click", "click", "conversion", "dismiss", "view", "search"]
            )
        )
        name = text(draw, "i1", "i2", "i3", "i4", "印象", "") or None
        event_id = draw(st.sampled_from([f"e{number}", "e-again"]))
        events.append(
            Behavior(
                event_id=event_id,
                impression_id=name,
                user_id=draw(st.sampled_from(["u1", "u2"])),
                kind=kind,
                occurred_at=NOW - draw(st.integers(0, 250)) * SECOND,
                creative_id=text(draw, "fallback-1", "c1", "c2"),
                placement=text(draw, "feed-card", "横幅"),
                surface=text(draw, "search", "social", "video", "device"),
                category=text(draw, "shoes"),
                item=text(draw, "sku-1", ""),
                value=draw(st.sampled_from([None, 0.0, 2.5])),
                user_agent=text(draw, PERSON, "curl/8.5.0", ""),
                consent=draw(st.booleans()),
            )
        )
    return events
