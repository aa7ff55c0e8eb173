"""Payloads -> where their records begin and end, guessed at once and then checked.

A record begins where the one before it ends, which only reading all of them one after
the other can say. But messages of a known schema can be seen from afar: they begin with
a zero byte and the schema's id, behind their length. So the ends of the records are
guessed from these, and the guess counts where it is a chain: each record's own length
leads to the next one, from the first byte of a payload on, as often as the payload
says. All other payloads (records with headers, without value, of other schemas) are
read record by record.
"""

from collections.abc import Sequence

import numpy as np

from streams.columns.columns import Ints
from streams.columns.frames import bounds
from streams.columns.payload import Payload
from streams.columns.reader import CONTINUED, Reader
from streams.columns.vectors import Bytes

_FRAME = 5
"""Zero byte and schema id."""


def record_bounds(
    payloads: Sequence[Payload], content: Bytes, starts: Ints, schema_ids: Sequence[int]
) -> tuple[Ints, Ints]:
    """Return where records begin, behind their length, and end [n, 2], and whose [n].

    Args:
        payloads: whose records are looked for.
        content: their bytes, joined and padded.
        starts: where each payload begins, and the last one ends [payloads + 1].
        schema_ids: of the messages expected.
    """
    ends = _guessed_ends(content, int(starts[-1]), schema_ids)
    if (np.diff(ends) <= 0).any():
        ends = ends[:0]
    of = np.searchsorted(starts, ends) - 1
    before = np.concatenate([[0], ends[:-1]]) if len(ends) else ends
    before = np.maximum(before, starts[of])
    reader = Reader(content, before)
    length = reader.varint()
    is_next = reader.good & (length > 0) & (reader.at + length == ends)
    asked = np.array([one.n_records for one in payloads], np.int64)
    is_right = np.bincount(of[is_next], minlength=len(payloads)) == asked
    is_right &= np.bincount(of, minlength=len(payloads)) == asked
    guessed = np.stack([reader.at, ends], axis=1)
    if is_right.all():
        return guessed, of
    found = [
        guessed[of == i]
        if is_right[i]
        else bounds(bytes(one.records), one.n_records) + int(starts[i])
        for i, one in enumerate(payloads)
    ]
    counts = [len(one) for one in found]
    return np.concatenate(found), np.repeat(np.arange(len(payloads)), counts)


def _guessed_ends(content: Bytes, end: int, schema_ids: Sequence[int]) -> Ints:
    """Return where records may end: behind a message and no headers."""
    found = [_messages(content, one) for one in schema_ids]
    at = found[0] if len(found) == 1 else np.sort(np.concatenate(found))
    at = at[at > 1]
    last, first = content[at - 1], content[at - 2].astype(np.int64)
    is_long = first >= CONTINUED
    zigzag = np.where(is_long, first & 127 | last.astype(np.int64) << 7, last)
    ends = at + (zigzag >> 1) + 1
    is_one = (last < CONTINUED) & (zigzag & 1 == 0) & (ends <= end)
    # The number of headers is the last byte of a record.
    is_one &= content.take(ends - 1, mode="clip") == 0
    likely: Ints = ends[is_one]
    return likely


def _messages(content: Bytes, schema_id: int) -> Ints:
    """Return where messages of a schema may begin."""
    frame = np.frombuffer(b"\0" + schema_id.to_bytes(4, "big"), np.uint8)
    n = len(content) - _FRAME + 1
    # The last bytes differ most from one id to another: the others only confirm.
    first, *_, high, low = (content[i : i + n] for i in range(_FRAME))
    at = np.flatnonzero((low == frame[4]) & (high == frame[3]) & (first == frame[0]))
    for i in range(1, _FRAME - 2):
        at = at[content[at + i] == frame[i]]
    return at
