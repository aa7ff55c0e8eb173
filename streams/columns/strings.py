"""Spans of a column -> its bytes in one run, as Apache Arrow lays strings out."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from streams.columns.columns import LENGTH_BITS, LENGTH_MASK, Ints
from streams.columns.compiled import built
from streams.columns.payload import Payload

_KERNEL = built("streams.columns._strings")

MAX_CONTENT = 2**31 - 1

Gathered = tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]
"""(offsets [n + 1], content): row i is content[offsets[i]:offsets[i + 1]]."""


def gather(payloads: Sequence[Payload], row_starts: Ints, spans: Ints) -> Gathered:
    """Return what the spans of a column [n] point at; null is empty.

    Args:
        payloads: what the spans point into.
        row_starts: [payloads + 1]: rows of payload i are row_starts[i] to the next.
        spans: [n].

    Raises:
        OverflowError: the column has 2 GiB or more.
        ValueError: a span points outside its payload.
    """
    spans = np.ascontiguousarray(spans)
    if _KERNEL is None:
        return gather_each(payloads, row_starts, spans)
    gathered: Gathered = _KERNEL.gather(payloads, row_starts, spans)
    return gathered


def gather_each(payloads: Sequence[Payload], row_starts: Ints, spans: Ints) -> Gathered:
    """Do what `gather` does, a span at a time."""
    pieces = [
        _cut(payload, one)
        for index, payload in enumerate(payloads)
        for one in spans[row_starts[index] : row_starts[index + 1]].tolist()
    ]
    offsets = np.cumsum([0, *map(len, pieces)])  # [n + 1]
    if offsets[-1] > MAX_CONTENT:
        raise OverflowError("expected less than 2 GiB in a column")
    return offsets.astype(np.int32), np.frombuffer(b"".join(pieces), np.uint8)


def _cut(payload: Payload, span: int) -> bytes:
    if span < 0:
        return b""
    start, length = span >> LENGTH_BITS, span & LENGTH_MASK
    if start + length > len(payload.records):
        raise ValueError("a span points outside its payload")
    return bytes(payload.records[start : start + length])
