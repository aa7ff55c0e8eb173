"""Payloads -> columns, in numpy: the twin of the compiled decoder.

The columns are equal, or a record is left to the codec.
"""

from collections.abc import Sequence

import numpy as np

from schemas.avro import MAX_BYTES
from streams.columns.columns import LENGTH_BITS, LENGTH_MASK, Columns, Ints
from streams.columns.frames import read_frames
from streams.columns.framing import record_bounds
from streams.columns.payload import Payload
from streams.columns.plan import NULL, DecodePlan
from streams.columns.printable import Strange
from streams.columns.reader import ALL
from streams.columns.vectors import Bytes, equal, padded
from streams.columns.walk import FRAME as _FRAME, Walk, is_span


def decode(
    payloads: Sequence[Payload],
    from_offset: int,
    plans: Sequence[DecodePlan],
    now: int,
) -> Columns:
    """Return the columns of payloads; records before `from_offset` are left out.

    Args:
        payloads: of one partition, in offset order.
        from_offset: first offset that counts.
        plans: one per writer schema, with the same slots; others are odd.
        now: epoch ms, for instants that cannot be.
    """
    content = padded(*(payload.records for payload in payloads))
    framed = _Framed(payloads, content, from_offset, plans)
    slots = np.full((len(plans[0].names), len(framed.offsets)), NULL, np.int64)
    good = np.zeros(len(framed.offsets), np.bool_)
    ids = _schema_ids(content, framed.values)
    strange = Strange(content)
    for plan in plans:
        rows = np.flatnonzero(ids == plan.schema_id)
        walk = Walk(content, strange, framed.values[rows], now)
        found = walk.slots(plan)
        if plan.key_slot >= 0:
            # Of what is not good the spans may be anything.
            users = np.where(walk.good, found[plan.key_slot], NULL)
            walk.good &= equal(content, framed.keys[rows], users)
        slots[:, rows] = found
        good[rows] = walk.good
    spans = [step.slot for step in plans[0].steps if step.slot >= 0 and is_span(step)]
    for slot in spans:
        slots[slot] = framed.within_payload(slots[slot])
    keys, values = map(framed.within_payload, (framed.keys, framed.values))
    odd = np.flatnonzero(~good)
    chosen = good if len(odd) else ALL
    return Columns(
        payloads=tuple(payloads),
        row_starts=np.searchsorted(
            framed.payloads[chosen], np.arange(len(payloads) + 1)
        ).astype(np.int64),
        offsets=framed.offsets[chosen],
        keys=keys[chosen],
        slots=slots[:, chosen],
        names=plans[0].names,
        odd=np.stack(
            [framed.payloads[odd], framed.offsets[odd], keys[odd], values[odd]], axis=1
        ),
        malformed=tuple(framed.malformed),
        content=content,
    )


class _Framed:
    """The records of all payloads; spans are places in their joined bytes."""

    def __init__(
        self,
        payloads: Sequence[Payload],
        content: Bytes,
        from_offset: int,
        plans: Sequence[DecodePlan],
    ) -> None:
        lengths = [len(payload.records) for payload in payloads]
        self._starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        ids = [plan.schema_id for plan in plans]
        bounds, of = record_bounds(payloads, content, self._starts, ids)
        table, good = read_frames(content, bounds)
        first_broken = np.full(len(payloads), len(of))
        np.minimum.at(first_broken, of[~good], np.flatnonzero(~good))
        kept = np.arange(len(of)) < first_broken[of]
        n_framed = np.bincount(of[kept], minlength=len(payloads))
        self.malformed = [
            (index, int(n))
            for index, (n, one) in enumerate(zip(n_framed, payloads, strict=True))
            if n < one.n_records
        ]
        base = np.array([one.base_offset for one in payloads], np.int64)
        offsets = table[:, 0] + base[of]
        kept &= offsets >= from_offset
        self.payloads, self.offsets = of[kept], offsets[kept]
        self.keys, self.values = table[kept, 1], table[kept, 2]

    def within_payload(self, spans: Ints) -> Ints:
        """Return spans [..., n] as places in their own payload."""
        moved = spans - (self._starts[self.payloads] << LENGTH_BITS)
        return np.where(spans == NULL, NULL, moved)


def _schema_ids(content: Bytes, values: Ints) -> Ints:
    """Return the schema id of each message; -1 for what is not framed."""
    ids = np.full(len(values), -1, np.int64)
    length = values & LENGTH_MASK
    fits = (length >= _FRAME) & (length <= MAX_BYTES)
    framed = np.flatnonzero((values != NULL) & fits)
    start = values[framed] >> LENGTH_BITS
    known = framed[content[start] == 0]
    start = values[known] >> LENGTH_BITS
    number = np.zeros(len(known), np.int64)
    for i in range(1, _FRAME):
        number = number << 8 | content[start + i]
    ids[known] = number
    return ids
