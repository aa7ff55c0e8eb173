"""User id -> row number, in Python: the twin of the compiled `KeyIndex`."""

import numpy as np

from streams.columns.columns import LENGTH_BITS, LENGTH_MASK, Ints
from streams.columns.hash_table import HashTable
from streams.columns.rows import Rows
from streams.columns.vectors import (
    BLOCK,
    Bytes,
    Flags,
    Hashes,
    blocks,
    same_bytes,
)

_LEAST_BLOCKS = 1_024


class KeyIndex:
    """Numbers for user ids; a forgotten id's number is given again.

    The ids lie in one arena, each from the beginning of a block (a row's `key_start`)
    and with zeros behind it. A dictionary knows the numbers. For many ids at once there
    are hints, from an id's hash to the number that it had when it was last looked up:
    they count only where the arena has the very id.
    """

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._free: list[int] = []
        self._arena: Bytes = np.zeros(_LEAST_BLOCKS * BLOCK, np.uint8)
        self._n_blocks = 0
        self._hashes = HashTable()
        self._hints: Ints = np.zeros(self._hashes.n_slots, np.int64)
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
        row = rows[number]
        row["key_start"], row["key_length"] = self._n_blocks, len(key)
        start = self._n_blocks * BLOCK
        self._n_blocks += -(-len(key) // BLOCK)
        if self._n_blocks * BLOCK > len(self._arena) - BLOCK:
            self._arena = np.concatenate([self._arena, np.zeros_like(self._arena)])
        self._arena[start : start + len(key)] = np.frombuffer(key, np.uint8)
        return number

    def remove(self, key: bytes, rows: Rows) -> int:
        """Forget a user id, its bytes too; return the row it had, or -1."""
        number = self._numbers.pop(key, -1)
        if number >= 0:
            start = int(rows["key_start"][number]) * BLOCK
            self._arena[start : start + len(key)] = 0
            self._free.append(number)
        return number

    def key(self, start: int, length: int) -> bytes:
        """Return the user id that a row points at."""
        return self._arena[start * BLOCK : start * BLOCK + length].tobytes()

    def keys(self, rows: Rows) -> Bytes:
        """Return the user ids that rows point at, as wide as the longest [n, width]."""
        start = rows["key_start"].astype(np.int64) * BLOCK
        width = int(rows["key_length"].max(initial=0))
        # The widest cell of a short id may end behind the arena.
        return self._arena.take(start[:, None] + np.arange(width), mode="clip")

    def numbers(self, content: Bytes, users: Ints, hashes: Hashes, rows: Rows) -> Ints:
        """Return the row number of each user id [n]; new ones get theirs in order.

        Args:
            content: padded bytes that the spans point into.
            users: spans of the ids [n].
            hashes: of the ids [n].
            rows: with room for one new row per id.
        """
        slots = self._hashes.find(hashes)
        numbers = np.where(slots < 0, 0, self._hints.take(slots, mode="clip"))
        known = (slots >= 0) & self._are(numbers, content, users, rows)
        unknown = np.flatnonzero(~known)
        if len(unknown):
            numbers[unknown] = self._one_by_one(content, users[unknown], rows)
            self._remember(hashes[unknown], numbers[unknown])
        return numbers

    def _are(self, numbers: Ints, content: Bytes, users: Ints, rows: Rows) -> Flags:
        """Return whether the rows `numbers` [n] are those of the users [n]."""
        length = rows["key_length"][numbers].astype(np.int64)
        same: Flags = length == users & LENGTH_MASK
        users = np.where(same, users, 0)
        start = rows["key_start"][numbers].astype(np.int64) * BLOCK
        kept = np.where(same, start << LENGTH_BITS | length, 0)
        same &= same_bytes(
            blocks(content, users), blocks(self._arena, kept), len(numbers)
        )
        return same

    def _one_by_one(self, content: Bytes, users: Ints, rows: Rows) -> list[int]:
        found = []
        for span in users.tolist():
            start = span >> LENGTH_BITS
            key = content[start : start + (span & LENGTH_MASK)].tobytes()
            number = self._numbers.get(key, -1)
            found.append(self.add(key, rows) if number < 0 else number)
        return found

    def _remember(self, hashes: Hashes, numbers: Ints) -> None:
        """Take hints down; when there is no room for more, the older ones go."""
        n_slots = self._hashes.n_slots
        if not self._hashes.has_room(len(hashes)):
            while n_slots < 2 * (len(self._numbers) + len(hashes)):
                n_slots *= 2
            self._hashes = HashTable(n_slots)
            self._hints = np.zeros(n_slots, np.int64)
        self._hashes.add(hashes)
        self._hints[self._hashes.find(hashes)] = numbers


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
