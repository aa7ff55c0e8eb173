"""What `avro_rows` writes: columns, one for each part of a body."""

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt


class Texts(NamedTuple):
    """A string a row."""

    values: list[str]


class Pieces(NamedTuple):
    """Encoded bytes a row."""

    values: list[bytes]


class Chosen(NamedTuple):
    """Encoded bytes a row, by their place in a table."""

    table: list[bytes]
    places: npt.NDArray[np.int64]


class Longs(NamedTuple):
    """A long a row."""

    values: npt.NDArray[np.int64]


class Doubles(NamedTuple):
    """A double a row."""

    values: npt.NDArray[np.float64]


class MaybeDoubles(NamedTuple):
    """A null or a double a row; not-a-number is null."""

    values: npt.NDArray[np.float64]


class Blocks(NamedTuple):
    """The same number of bytes a row, as they are: uint8[n, width]."""

    values: npt.NDArray[np.uint8]


Column = bytes | Texts | Pieces | Chosen | Longs | Doubles | MaybeDoubles | Blocks
"""Bytes alone are the same in every row."""


class Remembered(dict[Hashable, bytes]):
    """Pieces by what they are made of; all are forgotten when there are too many.

    Args:
        make: key -> piece.
        limit: pieces kept.
    """

    def __init__(self, make: Callable[[Any], bytes], limit: int) -> None:
        super().__init__()
        self._make = make
        self._limit = limit

    def __missing__(self, key: Hashable) -> bytes:
        """Make the piece of a key."""
        if len(self) >= self._limit:
            self.clear()
        piece = self[key] = self._make(key)
        return piece
