"""Many encoded records of one type, side by side, as they leave a stage."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from schemas.records import Record

Ints = npt.NDArray[np.int64]

LENGTH_BITS = 24
LENGTH_MASK = (1 << LENGTH_BITS) - 1


@dataclass(frozen=True, slots=True)
class Encoded:
    """n messages in one block; spans are start << 24 | length, as in Columns."""

    record: type[Record]
    content: bytes
    keys: Ints
    """[n] spans of the message keys, which may lie inside the values."""
    values: Ints
    """[n] spans of the framed values."""

    def __len__(self) -> int:
        return len(self.values)

    def pairs(self) -> Iterator[tuple[bytes, bytes]]:
        """Iterate over (key, value)."""
        content = self.content
        for key, value in zip(self.keys.tolist(), self.values.tolist(), strict=True):
            start, at = key >> LENGTH_BITS, value >> LENGTH_BITS
            yield (
                content[start : start + (key & LENGTH_MASK)],
                content[at : at + (value & LENGTH_MASK)],
            )
