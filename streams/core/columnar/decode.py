"""Payloads -> columns, in numpy: the twin of the compiled decoder.

The columns are equal, or a record is left to the codec. All messages are decoded at
once, field by field: a cursor per message moves over its bytes. What a field's fast
reading cannot vouch for makes its message odd.
"""

from collections.abc import Sequence

import numpy as np

from schemas.avro import MAX_BYTES
from streams.core.columnar.columns import LENGTH_BITS, LENGTH_MASK, Columns, Ints
from streams.core.columnar.frames import bounds, read_frames
from streams.core.columnar.payload import Payload
from streams.core.columnar.plan import NULL, Check, DecodePlan, Limits, Op, Step
from streams.core.columnar.reader import Reader
from streams.core.columnar.vectors import Bytes, Flags, equal, padded

_FRAME = 5
"""Zero byte and schema id."""

_LETTERS = 16
"""Bytes of a user id in which a letter is looked for."""


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
    content = padded(b"".join(bytes(payload.records) for payload in payloads))
    framed = _Framed(payloads, content, from_offset)
    slots = np.full((len(plans[0].names), len(framed.offsets)), NULL, np.int64)
    good = np.zeros(len(framed.offsets), np.bool_)
    ids = _schema_ids(content, framed.values)
    for plan in plans:
        rows = np.flatnonzero(ids == plan.schema_id)
        cursor = _Cursor(content, framed.values[rows], now)
        found = cursor.walk(plan)
        if plan.key_slot >= 0:
            cursor.good &= equal(content, framed.keys[rows], found[plan.key_slot])
        slots[:, rows] = found
        good[rows] = cursor.good
    spans = [i for i, step in _slots_of(plans[0]) if step.op in _SPANNED]
    slots[spans] = framed.within_payload(slots[spans])
    odd = np.flatnonzero(~good)
    keys, values = map(framed.within_payload, (framed.keys, framed.values))
    return Columns(
        payloads=tuple(payloads),
        row_starts=np.searchsorted(
            framed.payloads[good], np.arange(len(payloads) + 1)
        ).astype(np.int64),
        offsets=framed.offsets[good],
        keys=keys[good],
        slots=slots[:, good],
        names=plans[0].names,
        odd=np.stack(
            [framed.payloads[odd], framed.offsets[odd], keys[odd], values[odd]], axis=1
        ),
        malformed=tuple(framed.malformed),
    )


_NO_BOUNDS = np.zeros((0, 2), np.int64)
_SPANNED = {Op.STRING, Op.BYTES, Op.LONGS}


def _slots_of(plan: DecodePlan) -> list[tuple[int, Step]]:
    return [(step.slot, step) for step in plan.steps if step.slot >= 0]


class _Framed:
    """The records of all payloads; spans are places in their joined bytes."""

    def __init__(
        self, payloads: Sequence[Payload], content: Bytes, from_offset: int
    ) -> None:
        lengths = [len(payload.records) for payload in payloads]
        self._starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        found = [
            bounds(bytes(one.records), one.n_records) + int(start)
            for one, start in zip(payloads, self._starts.tolist(), strict=False)
        ]
        of = np.repeat(np.arange(len(payloads)), [len(one) for one in found])
        table, good = read_frames(content, np.concatenate([*found, _NO_BOUNDS]))
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


class _Cursor(Reader):
    """Reads the fields of n messages; what it cannot vouch for is not good."""

    def __init__(self, content: Bytes, values: Ints, now: int) -> None:
        start = values >> LENGTH_BITS
        super().__init__(content, start + _FRAME, start + (values & LENGTH_MASK))
        # How many bytes before each place are not printable ASCII.
        plain = (content >= ord(" ")) & (content <= ord("~"))
        self._strange = np.concatenate([[0], np.cumsum(~plain, dtype=np.int32)])
        self._mail = np.flatnonzero(content == ord("@"))
        self._now = now

    def walk(self, plan: DecodePlan) -> Ints:
        """Read all fields; return the slots [slots, n]."""
        slots = np.full((len(plan.names), len(self.at)), NULL, np.int64)
        for step in plan.steps:
            value = self._field(step)
            if step.slot >= 0:
                slots[step.slot] = value
        self.good &= self.at == self.end
        return slots

    def _field(self, step: Step) -> Ints:
        if step.null_branch < 0:
            return self._value(step, self.all)
        branch = self.varint(self.all)
        self.good &= (branch == 0) | (branch == 1)
        here = branch != step.null_branch
        value = self._value(step, here)
        return np.where(here, value, NULL)

    def _value(self, step: Step, here: Flags) -> Ints:
        """Read a value where it is `here`."""
        if step.op in {Op.STRING, Op.BYTES}:
            return self._bytes(step, here)
        if step.op is Op.BOOLEAN:
            return self._boolean(here)
        if step.op is Op.DOUBLE:
            return self._double(step.limits, here)
        if step.op is Op.LONGS:
            return self._longs(here)
        value = self.varint(here)
        self.good &= ~here | (value != NULL)
        if step.op is Op.ENUM:
            return self._symbol(step, value, here)
        self._bounded(step.limits, value, here)
        return value

    def _bytes(self, step: Step, here: Flags) -> Ints:
        length = self.varint(here)
        start = self.at
        self.good &= ~here | ((length >= 0) & (length <= LENGTH_MASK))
        self.advance(length, here)
        ok = here & self.good
        length, start = np.where(ok, length, 0), np.where(ok, start, 0)
        if step.op is Op.STRING and step.limits.check is not Check.NONE:
            self._text(step, start, length, here)
        return start << LENGTH_BITS | length

    def _text(self, step: Step, start: Ints, length: Ints, here: Flags) -> None:
        """Let printable ASCII of the right length pass; the codec reads the rest."""
        ok = self._strange[start + length] == self._strange[start]
        ok &= length <= step.limits.limit
        if step.limits.check >= Check.NAME and step.null_branch < 0:
            ok &= length > 0
        if step.limits.check is Check.USER:
            ok &= self._is_pseudonym(start, length)
        self.good &= ~here | ok

    def _is_pseudonym(self, start: Ints, length: Ints) -> Flags:
        """Return whether a name has a letter early on and no @: neither address."""
        steps = np.arange(_LETTERS)
        letters = self.content[start[:, None] + steps] >= ord("A")  # (n, 16)
        named = (letters & (steps < length[:, None])).any(1)
        before = np.searchsorted(self._mail, start)
        flags: Flags = named & (np.searchsorted(self._mail, start + length) == before)
        return flags

    def _boolean(self, here: Flags) -> Ints:
        value = self.content[np.where(here & self.good, self.at, -1)]
        self.good &= ~here | (value <= 1)
        self.advance(np.ones(len(value), np.int64), here)
        return value.astype(np.int64)

    def _double(self, limits: Limits, here: Flags) -> Ints:
        start = self.at
        self.advance(np.full(len(start), 8), here)
        start = np.where(here & self.good, start, len(self.content) - 8)
        raw = self.content[start[:, None] + np.arange(8)]
        number = np.ascontiguousarray(raw).view("<f8")[:, 0]
        ok = ~np.isnan(number)
        number = np.where(ok, number, 0.0) + 0.0  # -0.0 would look like null
        if limits.check is Check.RANGE:
            ok &= (limits.low <= number) & (number <= limits.high)
        self.good &= ~here | ok
        bits: Ints = number.view(np.int64)
        return bits

    def _symbol(self, step: Step, value: Ints, here: Flags) -> Ints:
        symbols = np.array([*step.symbols, -1], np.int64)
        inside = (value >= 0) & (value < len(step.symbols))
        mapped = symbols[np.where(inside, value, -1)]
        is_read = step.limits.check is not Check.NONE
        self.good &= ~here | (inside & ((mapped >= 0) | (not is_read)))
        return mapped

    def _bounded(self, limits: Limits, value: Ints, here: Flags) -> None:
        if limits.check is Check.INSTANT:
            high = self._now + int(limits.high)
            self.good &= ~here | ((value >= limits.low) & (value <= high))
        elif limits.check is Check.RANGE:
            self.good &= ~here | ((value >= limits.low) & (value <= limits.high))

    def _longs(self, here: Flags) -> Ints:
        """Step over an array of longs that is one short block, as writers make it."""
        start = self.at
        left = self.varint(here)
        self.good &= ~here | ((left >= 0) & (left <= 64))  # noqa: PLR2004 - the rest is odd
        some = here & self.good & (left > 0)
        left = np.where(some, left, 0)
        while (left > 0).any():
            self.varint(left > 0)
            left = np.where(self.good, left - 1, 0)
        closing = self.varint(some)
        self.good &= ~some | (closing == 0)
        start = np.where(here & self.good, start, 0)
        length = np.where(here & self.good, self.at - start, 0)
        spans: Ints = start << LENGTH_BITS | length
        return spans
