"""Columns of fields of varying length -> one run of bytes, without a loop over rows.

A column of cells is a byte matrix, as wide as its longest field, with the length of
each row's field. Columns are laid side by side; a mask drops the padding.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]

_LONGER = np.array([1 << bits for bits in range(7, 64, 7)], np.uint64)
"""From here on a varint takes one more byte."""


@dataclass(frozen=True)
class Cells:
    """One field of every row."""

    content: Bytes
    """[rows, width]; what is beyond a row's length is padding."""
    lengths: Ints
    """[rows]."""


def fixed(content: Bytes) -> Cells:
    """Return cells that fill their width."""
    return Cells(content, np.full(len(content), content.shape[1]))


def constant(content: bytes, n_rows: int) -> Cells:
    """Return the same bytes for every row."""
    one = np.frombuffer(content, np.uint8)
    return fixed(np.broadcast_to(one, (n_rows, len(one))))


def chosen(choices: list[bytes], index: Ints) -> Cells:
    """Return `choices[index[i]]` for row i."""
    width = max(map(len, choices))
    table = np.zeros((len(choices), width), np.uint8)
    for row, choice in enumerate(choices):
        table[row, : len(choice)] = np.frombuffer(choice, np.uint8)
    lengths = np.array([len(choice) for choice in choices])
    return Cells(table[index], lengths[index])


def where(condition: NDArray[np.bool_], cells: Cells) -> Cells:
    """Return Avro's union with null: branch 1 and the cell, or branch 0 alone."""
    branch = np.where(condition, 2, 0).astype(np.uint8)[:, None]
    lengths = np.where(condition, cells.lengths + 1, 1)
    return Cells(np.concatenate([branch, cells.content], axis=1), lengths)


def varints(values: Ints) -> Cells:
    """Return zigzag varints (Avro 1.12 and Kafka write them alike)."""
    zigzag = (values << 1 ^ values >> 63).astype(np.uint64)
    lengths = 1 + np.searchsorted(_LONGER, zigzag, side="right")
    width = int(lengths.max(initial=1))
    shifts = np.arange(width, dtype=np.uint64) * np.uint64(7)
    content = (zigzag[:, None] >> shifts & np.uint64(0x7F)).astype(np.uint8)
    content[np.arange(width) < lengths[:, None] - 1] |= 0x80
    return Cells(content, lengths)


def joined(columns: list[Cells]) -> tuple[Bytes, Ints]:
    """Return all rows one after another, and the length of each."""
    content = np.concatenate([cells.content for cells in columns], axis=1)
    mask = np.concatenate(
        [np.arange(c.content.shape[1]) < c.lengths[:, None] for c in columns], axis=1
    )
    return content[mask], total_lengths(columns)


def total_lengths(columns: list[Cells]) -> Ints:
    """Return the length of each row."""
    total: Ints = np.sum([one.lengths for one in columns], axis=0, dtype=np.int64)
    return total
