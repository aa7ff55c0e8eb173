"""Columns -> Avro bodies, one a row: what a wide record costs without objects.

A body is its columns' bytes one after another. What was seen a moment ago (names,
words, who answered) comes as pieces encoded before; the rest is written from numbers.

Source: Apache Avro 1.12 specification, "Binary encoding".
"""

import struct
from collections.abc import Iterable, Sequence
from math import isnan

from streams.columns.avro_columns import (
    Blocks,
    Chosen,
    Column,
    Doubles,
    Longs,
    MaybeDoubles,
    Pieces,
    Texts,
)
from streams.columns.changelog import sized, varint
from streams.columns.compiled import built

_KERNEL = built("streams.columns._avro_rows")
_DOUBLE = struct.Struct("<d")
_NULL, _VALUE = b"\0", b"\2"
"""Of a union that begins with null."""


def rows(n: int, columns: Sequence[Column]) -> list[bytes]:
    """Return n bodies.

    Args:
        n: rows, of every column.
        columns: in the order of the schema.

    Raises:
        ValueError: a column has another number of rows; no such place in a table.
    """
    write = _KERNEL.rows if _KERNEL else rows_in_python
    written: list[bytes] = write(n, columns)
    return written


def rows_in_python(n: int, columns: Sequence[Column]) -> list[bytes]:
    """Do what `rows` does, a row at a time."""
    pieces = [list(_pieces(n, column)) for column in columns]
    if any(len(column) != n for column in pieces):
        raise ValueError(f"expected {n} rows, got {[len(one) for one in pieces]}")
    return list(map(b"".join, zip(*pieces, strict=True))) if pieces else [b""] * n


def text(value: str) -> bytes:
    """Return an encoded string."""
    return sized(value.encode())


def _pieces(n: int, column: Column) -> Iterable[bytes]:
    match column:
        case bytes():
            return [column] * n
        case Pieces(pieces):
            return pieces
        case Chosen(table, places):
            return _chosen(table, places.tolist())
        case Texts(values):
            return map(text, values)
        case Blocks(blocks):
            return map(bytes, blocks)
    return _numbers(column)


def _numbers(column: Longs | Doubles | MaybeDoubles) -> Iterable[bytes]:
    match column:
        case Longs(longs):
            return map(varint, longs.tolist())
        case Doubles(doubles):
            return map(_DOUBLE.pack, doubles.tolist())
        case MaybeDoubles(doubles):
            return map(_maybe, doubles.tolist())


def _chosen(table: list[bytes], places: list[int]) -> list[bytes]:
    if places and not 0 <= min(places) <= max(places) < len(table):
        raise ValueError(f"a place outside a table of {len(table)}")
    return [table[place] for place in places]


def _maybe(value: float) -> bytes:
    return _NULL if isnan(value) else _VALUE + _DOUBLE.pack(value)
