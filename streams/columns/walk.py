"""Messages of one writer schema -> slots: a decode plan, walked by all at once.

A cursor per message moves over its bytes, field by field. What a field's fast reading
cannot vouch for makes its message odd: it is not `good`.

Text has to be printable ASCII. Nobody looks at the text for this: a message's bytes
that are not printable are counted, and those of them that were read as numbers. When
there are no others, the text has none.
"""

import numpy as np

from streams.columns.columns import LENGTH_BITS, LENGTH_MASK, Ints
from streams.columns.plan import NULL, Check, DecodePlan, Limits, Op, Step
from streams.columns.printable import Strange
from streams.columns.reader import ALL, Cursors, Reader
from streams.columns.vectors import WORD, Bytes, Flags, blocks, word

FRAME = 5
"""Zero byte and schema id."""

_LETTER_WORDS = 2
"""Words of a user id, from its beginning, in which a letter is looked for."""

_MOST_LONGS = 64


def is_span(step: Step) -> bool:
    """Return whether a step's slot holds a span."""
    return step.op in {Op.STRING, Op.BYTES, Op.LONGS, Op.DESIGN}


class Walk(Reader):
    """Reads the fields of n messages.

    Args:
        content: padded.
        strange: bytes of the content that are not printable.
        values: spans of the messages [n].
        now: epoch ms, for instants that cannot be.
    """

    def __init__(
        self, content: Bytes, strange: Strange, values: Ints, now: int
    ) -> None:
        start = values >> LENGTH_BITS
        super().__init__(content, start + FRAME)
        self._start = start + FRAME
        self._end = start + (values & LENGTH_MASK)
        self._strange = strange
        self._now = now

    def slots(self, plan: DecodePlan) -> Ints:
        """Read all fields; return the slots [slots, n]."""
        slots = np.full((len(plan.names), len(self.at)), NULL, np.int64)
        for step in plan.steps:
            which = self._present(step)
            value = self._value(step, which)
            if step.slot >= 0:
                slots[step.slot, which] = value
        self.good &= self.at == self._end
        n_strange = self._strange.between(self._start, self._end)
        self.good &= self.n_strange == n_strange
        return slots

    def _present(self, step: Step) -> Cursors:
        """Return the messages in which a field is not null."""
        if step.null_branch < 0:
            return ALL
        branch = self.varint()
        self.good &= branch >> 1 == 0
        which = np.flatnonzero(branch != step.null_branch)
        return ALL if len(which) == len(branch) else which

    def _value(self, step: Step, which: Cursors) -> Ints:
        if step.op in {Op.STRING, Op.BYTES}:
            return self._bytes(step, which)
        if step.op is Op.BOOLEAN:
            byte = self.byte(which)
            self._require(byte <= 1, which)
            return byte.astype(np.int64)
        if step.op is Op.DOUBLE:
            return self._double(step.limits, which)
        if step.op in {Op.LONGS, Op.DESIGN}:
            return self._many(step, which)
        value = self.varint(which)
        if step.op is Op.ENUM:
            return self._symbol(step, value, which)
        self._require(value != NULL, which)
        self._bounded(step.limits, value, which)
        return value

    def _require(self, ok: Flags, which: Cursors) -> None:
        if not ok.all():
            self.good[which] &= ok

    def _bytes(self, step: Step, which: Cursors) -> Ints:
        span = self.span(which)
        if step.op is Op.BYTES or step.limits.check is Check.NONE:
            self._skip(span >> LENGTH_BITS, which)
        else:
            self._text(step, span, which)
        return span

    def _skip(self, start: Ints, which: Cursors) -> None:
        """Let any bytes be where a value was read that is no text."""
        n_strange = self._strange.between(start, self.at[which])
        self.n_strange[which] += n_strange.astype(np.int32)

    def _text(self, step: Step, span: Ints, which: Cursors) -> None:
        """Let text of the right length pass; the codec reads the rest."""
        length = span & LENGTH_MASK
        ok = length <= step.limits.limit
        if step.limits.check >= Check.NAME and step.null_branch < 0:
            ok &= length > 0
        if step.limits.check is Check.USER:
            ok &= self.at[which] <= self._end[which]
            ok &= self._is_pseudonym(np.where(ok, span, 0))
        self._require(ok, which)

    def _is_pseudonym(self, span: Ints) -> Flags:
        """Return whether names have a letter early on and no @: neither address.

        Eight bytes at a time: of printable ASCII a sum's high bit says "A" or later,
        and that of x - 1 without x's own says that a byte x is zero.
        """
        lettered, mailed = np.zeros((2, len(span)), np.uint64)
        for i, block in enumerate(blocks(self.content, span)):
            for j, one in enumerate(block.T):
                if i == 0 and j < _LETTER_WORDS:
                    lettered |= one + _UP_TO_LETTERS
                other = one ^ _MAIL
                mailed |= other - _ONES & ~other
        flags: Flags = (lettered & _HIGH_BITS != 0) & (mailed & _HIGH_BITS == 0)
        return flags

    def _double(self, limits: Limits, which: Cursors) -> Ints:
        at = self.at[which]
        self._move(which, at + WORD)
        self._skip(at, which)
        number = word(self.content, at).view("<f8")
        ok = ~np.isnan(number)
        number = np.where(ok, number, 0.0) + 0.0  # -0.0 would look like null
        if limits.check is Check.RANGE:
            ok &= (limits.low <= number) & (number <= limits.high)
        self._require(ok, which)
        bits: Ints = number.view(np.int64)
        return bits

    def _symbol(self, step: Step, value: Ints, which: Cursors) -> Ints:
        symbols = np.array([*step.symbols, -1], np.int64)
        inside = (value >= 0) & (value < len(step.symbols))
        mapped: Ints = symbols[np.where(inside, value, -1)]
        is_read = step.limits.check is not Check.NONE
        self._require(inside & ((mapped >= 0) | (not is_read)), which)
        return mapped

    def _bounded(self, limits: Limits, value: Ints, which: Cursors) -> None:
        if limits.check in {Check.INSTANT, Check.RANGE}:
            base = self._now if limits.check is Check.INSTANT else 0
            high = base + int(limits.high)
            self._require((value >= limits.low) & (value <= high), which)

    def _many(self, step: Step, which: Cursors) -> Ints:
        """Read an array of longs; two maps of any length are left to the codec."""
        if step.op is Op.LONGS:
            return self._longs(which)
        self.good[which] = False
        return np.zeros(len(self.at[which]), np.int64)

    def _longs(self, which: Cursors) -> Ints:
        """Step over an array of longs that is one short block, as writers make it."""
        start = self.at[which].copy()
        rows = np.arange(len(self.at))[which]
        left = self.varint(rows)
        self._require((left >= 0) & (left <= _MOST_LONGS), which)
        some = (left > 0) & (left <= _MOST_LONGS)
        rows, left = rows[some], left[some]
        for i in range(int(left.max(initial=0))):
            self.varint(rows[left > i])
        self.good[rows] &= self.varint(rows) == 0
        length = np.minimum(self.at[which] - start, LENGTH_MASK)
        spans: Ints = start << LENGTH_BITS | length
        return spans


_ONES = np.uint64(0x0101010101010101)
_HIGH_BITS = _ONES * np.uint64(0x80)
_MAIL = _ONES * np.uint64(ord("@"))
_UP_TO_LETTERS = _ONES * np.uint64(0x80 - ord("A"))
