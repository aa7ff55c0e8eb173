"""Decoded fields of many records, side by side, pointing into what was fetched."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from streams.columns.payload import Payload
from streams.columns.plan import NULL

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]

LENGTH_BITS = 24
LENGTH_MASK = (1 << LENGTH_BITS) - 1


@dataclass(frozen=True, slots=True)
class Columns:
    """n ordinary records of some payloads, and where the odd ones are.

    A slot holds longs, enum indices and booleans as they are, doubles as their bits,
    and strings and bytes as spans: start << 24 | length, inside the records of the
    row's payload. `plan.NULL` is null in every slot.
    """

    payloads: tuple[Payload, ...]
    row_starts: Ints
    """[payloads + 1]: rows of payload i are row_starts[i] to row_starts[i + 1]."""
    offsets: Ints
    """[n]"""
    keys: Ints
    """[n] spans of the message keys."""
    slots: Ints
    """[slots, n] in the order of the plan's names."""
    names: tuple[str, ...]
    odd: Ints
    """[m, 4]: payload, offset, span of the key, span of the value."""
    malformed: tuple[tuple[int, int], ...] = ()
    """(payload, records framed before) where the record framing itself is broken."""

    def __len__(self) -> int:
        return len(self.offsets)

    def before(self, offset: int) -> "Columns":
        """Return the rows before an offset; rows are in offset order."""
        n = int(np.searchsorted(self.offsets, offset))
        return Columns(
            payloads=self.payloads,
            row_starts=np.minimum(self.row_starts, n),
            offsets=self.offsets[:n],
            keys=self.keys[:n],
            slots=self.slots[:, :n],
            names=self.names,
            odd=self.odd[self.odd[:, 1] < offset],
        )

    def without(self, rows: Sequence[int]) -> "Columns":
        """Return the columns but for some rows."""
        kept = np.ones(len(self), np.bool_)
        kept[np.asarray(rows, np.int64)] = False  # a tuple would index many axes
        starts = np.concatenate([[0], np.cumsum(kept)])
        return replace(
            self,
            row_starts=starts[self.row_starts],
            offsets=self.offsets[kept],
            keys=self.keys[kept],
            slots=np.ascontiguousarray(self.slots[:, kept]),
        )

    def slot(self, name: str) -> Ints:
        """Return the column of a field [n]."""
        column: Ints = self.slots[self.names.index(name)]
        return column

    def odd_records(self) -> list[tuple[int, bytes | None, bytes | None]]:
        """Return (offset, key, value) of the records that are not in the columns."""
        return [
            (offset, cut(self.payloads[at], key), cut(self.payloads[at], value))
            for at, offset, key, value in self.odd.tolist()
        ]


def span(start: int, length: int) -> int:
    """Return the span of `length` bytes from `start`."""
    return start << LENGTH_BITS | length


def cut(payload: Payload, span: int) -> bytes | None:
    """Return what a span points at; None for null."""
    if span == NULL:
        return None
    start = span >> LENGTH_BITS
    return bytes(payload.records[start : start + (span & LENGTH_MASK)])
