"""User id -> row number, in Python: the twin of the compiled `KeyIndex`."""

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.void]


class KeyIndex:
    """Numbers for user ids; a forgotten id's number is given again."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._keys: dict[int, bytes] = {}
        self._free: list[int] = []
        self.n_rows = 0

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def n_keys(self) -> int:
        """How many ids have a row."""
        return len(self._numbers)

    def find(self, key: bytes, rows: Rows) -> int:  # noqa: ARG002 - the twin needs them
        """Return the row number of a user id, or -1."""
        return self._numbers.get(key, -1)

    def add(self, key: bytes, rows: Rows) -> int:
        """Give a user id that has none a row; return its number."""
        number = self._free.pop() if self._free else self.n_rows
        self.n_rows = max(self.n_rows, number + 1)
        self._numbers[key] = number
        self._keys[number] = key
        row = rows[number]
        row["key_start"], row["key_length"] = number, len(key)
        return number

    def remove(self, key: bytes, rows: Rows) -> int:  # noqa: ARG002 - the twin needs them
        """Forget a user id; return the row it had, or -1."""
        number = self._numbers.pop(key, -1)
        if number >= 0:
            del self._keys[number]
            self._free.append(number)
        return number

    def key(self, start: int, length: int) -> bytes:  # noqa: ARG002 - the twin needs it
        """Return the user id that a row points at."""
        return self._keys[start]


def keys_of(index: KeyIndex, rows: Rows) -> bytes:
    """Return the user ids of rows, one after the other; rows know their lengths."""
    return b"".join(
        index.key(int(row["key_start"]), int(row["key_length"]))
        for row in rows
        if row["key_length"]
    )


def put_rows(
    index: KeyIndex,
    rows: Rows,
    content: bytes | memoryview,
    keys: bytes | memoryview,
) -> None:
    """Put rows from a snapshot in; a person who is there already is overwritten.

    Args:
        index: of the user ids.
        rows: with room for one new row per row of the snapshot.
        content: rows as bytes.
        keys: their user ids, one after the other.

    Raises:
        ValueError: the bytes do not fit.
    """
    if len(content) % rows.itemsize:
        raise ValueError(f"expected rows of {rows.itemsize} bytes")
    at = 0
    for row in np.frombuffer(content, rows.dtype):
        length = int(row["key_length"])
        key, at = bytes(keys[at : at + length]), at + length
        if len(key) != length:
            raise ValueError("the ids of a snapshot end too early")
        if length:
            number = index.find(key, rows)
            number = index.add(key, rows) if number < 0 else number
            start = rows["key_start"][number]
            rows[number] = row
            rows["key_start"][number], rows["dirty"][number] = start, 0
