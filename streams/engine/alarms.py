"""Key, instant -> the keys to look at now: a heap per partition, no full scans."""

from collections.abc import Iterator
from heapq import heappop, heappush


class Alarms:
    """Wake-up calls for keys, on one clock.

    A call may come twice or for a key that is gone: whoever is woken looks at its
    state and decides, so that calls need no cancelling.

    >>> alarms = Alarms()
    >>> alarms.put(0, "u1", 500)
    >>> list(alarms.ring(0, 499)), list(alarms.ring(0, 500)), list(alarms.ring(0, 501))
    ([], ['u1'], [])
    """

    def __init__(self) -> None:
        self._heaps: dict[int, list[tuple[int, str]]] = {}

    def put(self, partition: int, key: str, at: int) -> None:
        """Call for `key` when the clock reads `at` or later."""
        heappush(self._heaps.setdefault(partition, []), (at, key))

    def ring(self, partition: int, clock: int) -> Iterator[str]:
        """Take the keys that are due, earliest first; new calls may be put meanwhile.

        A call put for an instant that has passed rings in the same round, so put
        calls for later than `clock` only.
        """
        heap = self._heaps.get(partition, [])
        while heap and heap[0][0] <= clock:
            yield heappop(heap)[1]

    def partitions(self) -> list[int]:
        """Return the partitions with calls."""
        return list(self._heaps)

    def drop(self, partition: int) -> None:
        """Forget a partition."""
        self._heaps.pop(partition, None)

    def __len__(self) -> int:
        return sum(map(len, self._heaps.values()))
