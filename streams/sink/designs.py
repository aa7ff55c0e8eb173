"""Spans of designs -> Arrow maps: a column of choices, a column of numbers.

A design is two Avro maps, one behind the other, each a single block: a count, the
entries, a zero. The decoder has vouched for that; other layouts are the codec's.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from streams.columns.columns import LENGTH_BITS, Columns, Ints, cut, span
from streams.columns.compiled import built
from streams.columns.frames import varint
from streams.columns.payload import Payload
from streams.columns.strings import gather

_KERNEL = built("streams.columns._strings")

CHOICES, NUMBERS = 0, 1
"""The maps of a design, in its order."""

_DOUBLE_BYTES = 8

Entries = tuple[npt.NDArray[np.int32], Ints, Ints, Ints]
"""Entries of row i are bounds[i] to bounds[i + 1]; of payload j, starts[j] to the next;
spans of the keys; spans of the values."""


def design_map(which: int, columns: Columns, slot: Ints) -> Any:
    """Return one map of each design as an Arrow array [n]; null is empty.

    Args:
        which: `CHOICES` or `NUMBERS`.
        columns: what the spans point into.
        slot: spans of the designs [n].
    """
    slot = np.ascontiguousarray(slot)
    bounds, starts, keys, values = _entries(
        columns.payloads, columns.row_starts, slot, which
    )
    names = _strings(gather(columns.payloads, starts, keys))
    offsets, content = gather(columns.payloads, starts, values)
    items = (
        pa.array(content.view("<f8"))
        if which == NUMBERS
        else _strings((offsets, content))
    )
    return pa.MapArray.from_arrays(pa.array(bounds), names, items)


def _strings(gathered: tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]) -> Any:
    offsets, content = gathered
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(content)]
    return pa.Array.from_buffers(pa.string(), len(offsets) - 1, buffers)


def _entries(
    payloads: Sequence[Payload], row_starts: Ints, spans: Ints, which: int
) -> Entries:
    if _KERNEL is None:
        return entries_in_python(payloads, row_starts, spans, which)
    found: Entries = _KERNEL.entries(payloads, row_starts, spans, which)
    return found


def entries_in_python(
    payloads: Sequence[Payload], row_starts: Ints, spans: Ints, which: int
) -> Entries:
    """Return the entries of one map of each design.

    Args:
        payloads: what the spans point into.
        row_starts: [payloads + 1]: rows of payload i are row_starts[i] to the next.
        spans: of the designs [n].
        which: `CHOICES` or `NUMBERS`.

    Raises:
        ValueError: a span points at no design.
    """
    bounds, starts = [0], [0]
    keys: list[int] = []
    values: list[int] = []
    for index, payload in enumerate(payloads):
        rows = slice(row_starts[index], row_starts[index + 1])
        for one in spans[rows].tolist():
            content = cut(payload, one) or b"\0\0"
            first, end = _map(content, 0, of_doubles=False)
            found = (
                first if which == CHOICES else _map(content, end, of_doubles=True)[0]
            )
            start = max(one, 0) >> LENGTH_BITS
            keys += [span(start + at, length) for at, length, _, _ in found]
            values += [span(start + at, length) for _, _, at, length in found]
            bounds.append(len(keys))
        starts.append(len(keys))
    ints = [np.array(one, np.int64) for one in (starts, keys, values)]
    return np.array(bounds, np.int32), ints[0], ints[1], ints[2]


def _map(
    content: bytes, at: int, *, of_doubles: bool
) -> tuple[list[tuple[int, int, int, int]], int]:
    """Return the places and lengths of keys and values, and where the map ends."""
    n, at = varint(content, at, len(content))
    found = []
    for _ in range(n):
        length, key = varint(content, at, len(content))
        at = key + length
        size, value = (
            (_DOUBLE_BYTES, at) if of_doubles else varint(content, at, len(content))
        )
        at = value + size
        found.append((key, length, value, size))
    return found, at + (n > 0)
