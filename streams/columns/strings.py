"""Spans of a column -> its bytes in one run, as Apache Arrow lays strings out."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from streams.columns import compiled
from streams.columns.columns import LENGTH_BITS, LENGTH_MASK, Ints
from streams.columns.payload import Payload

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
    if compiled.STRINGS is not None:
        gathered: Gathered = compiled.STRINGS.gather(payloads, row_starts, spans)
        return gathered
    return gather_in_numpy(payloads, row_starts, spans)


def gather_in_numpy(
    payloads: Sequence[Payload], row_starts: Ints, spans: Ints
) -> Gathered:
    """Do what `gather` does, without the compiled module."""
    lengths = np.where(spans >= 0, spans & LENGTH_MASK, 0)
    offsets = np.concatenate([[0], np.cumsum(lengths)])  # [n + 1]
    if offsets[-1] > MAX_CONTENT:
        raise OverflowError("expected less than 2 GiB in a column")
    sizes = np.array([len(payload.records) for payload in payloads], np.int64)
    places = np.concatenate([[0], np.cumsum(sizes)])  # [payloads + 1]
    payload_of = np.repeat(np.arange(len(payloads)), np.diff(row_starts))  # [n]
    starts = np.where(spans >= 0, spans >> LENGTH_BITS, 0)
    if (starts + lengths > sizes[payload_of]).any():
        raise ValueError("a span points outside its payload")
    joined = b"".join(bytes(payload.records) for payload in payloads)
    # Byte j of the content is as far behind its row's start as in the payload.
    moves = np.repeat(starts + places[payload_of] - offsets[:-1], lengths)
    content = np.frombuffer(joined, np.uint8)[np.arange(offsets[-1]) + moves]
    return offsets.astype(np.int32), content
