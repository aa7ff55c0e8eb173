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
