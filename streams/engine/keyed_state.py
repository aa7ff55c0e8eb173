"""State by (partition, key) that remembers what changed since the last checkpoint."""

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from streams.engine.stage import StateRow

V = TypeVar("V")


class KeyedState(Generic[V]):
    """A dictionary per partition, with dirty keys.

    >>> state = KeyedState(encode=str.encode, decode=bytes.decode)
    >>> state.put(0, "u1", "a")
    >>> state.take_dirty()
    [StateRow(partition=0, key='u1', value=b'a')]
    >>> state.take_dirty()
    []
    """

    def __init__(
        self, encode: Callable[[V], bytes], decode: Callable[[bytes], V]
    ) -> None:
        self._encode = encode
        self._decode = decode
        self._rows: dict[int, dict[str, V]] = {}
        self._dirty: set[tuple[int, str]] = set()

    def get(self, partition: int, key: str) -> V | None:
        """Return the value of a key, or None."""
        return self._rows.get(partition, {}).get(key)

    def put(self, partition: int, key: str, value: V) -> None:
        """Set the value of a key."""
        self._rows.setdefault(partition, {})[key] = value
        self._dirty.add((partition, key))

    def delete(self, partition: int, key: str) -> None:
        """Forget a key; deleting what is not there changes nothing."""
        if self._rows.get(partition, {}).pop(key, None) is not None:
            self._dirty.add((partition, key))

    def items(self) -> Iterator[tuple[int, str, V]]:
        """Iterate over a snapshot of (partition, key, value)."""
        for partition, rows in list(self._rows.items()):
            for key, value in list(rows.items()):
                yield partition, key, value

    def __len__(self) -> int:
        return sum(map(len, self._rows.values()))

    def take_dirty(self) -> list[StateRow]:
        """Return the rows changed since the last call, encoded."""
        rows = []
        for partition, key in sorted(self._dirty):
            value = self.get(partition, key)
            encoded = None if value is None else self._encode(value)
            rows.append(StateRow(partition, key, encoded))
        self._dirty.clear()
        return rows

    def restore(self, rows: Iterable[StateRow]) -> None:
        """Take rows back from the changelog; they are clean."""
        for row in rows:
            keys = self._rows.setdefault(row.partition, {})
            if row.value is None:
                keys.pop(row.key, None)
            else:
                keys[row.key] = self._decode(row.value)

    def drop(self, partition: int) -> None:
        """Forget a partition."""
        self._rows.pop(partition, None)
        self._dirty = {dirty for dirty in self._dirty if dirty[0] != partition}
