"""Row, instant -> the rows to look at now: buckets of a quarter of a second."""

from array import array
from heapq import heappop, heappush

import numpy as np
import numpy.typing as npt

from streams.columns.columns import Ints

BUCKET_BITS = 8
"""A bucket is 2**8 ms."""


class RowAlarms:
    """Wake-up calls for row numbers; when each is due is the row's `alarm_at`.

    A row may be called for more than once: of a call whose bucket is not that of the
    row's `alarm_at`, nothing comes.

    >>> alarms = RowAlarms()
    >>> alarms.put(0, 500)
    >>> alarm_at = np.array([500])
    >>> alarms.ring(499, alarm_at).tolist(), alarms.ring(500, alarm_at).tolist()
    ([], [0])
    """

    def __init__(self) -> None:
        self._buckets: dict[int, array[int]] = {}
        self._order: list[int] = []

    def put(self, number: int, at: int) -> None:
        """Call for a row at an instant, epoch ms."""
        self._bucket(at >> BUCKET_BITS).append(number)

    def put_all(self, numbers: Ints, at: Ints) -> None:
        """Call for rows [n] at instants [n]."""
        if not len(numbers):
            return
        order = np.argsort(at, kind="stable")
        numbers, buckets = numbers[order], at[order] >> BUCKET_BITS
        starts = np.flatnonzero(np.diff(buckets, prepend=-1))
        parts = np.split(numbers, starts[1:])
        for bucket, part in zip(buckets[starts].tolist(), parts, strict=True):
            self._bucket(bucket).frombytes(part.astype(np.int64).tobytes())

    def ring(self, clock: int, alarm_at: npt.NDArray[np.int64]) -> Ints:
        """Return the rows that are due.

        Args:
            clock: epoch ms.
            alarm_at: of all rows, epoch ms.
        """
        due = [np.zeros(0, np.int64)]
        now = clock >> BUCKET_BITS
        while self._order and self._order[0] <= now:
            bucket = heappop(self._order)
            numbers = np.unique(np.array(self._buckets.pop(bucket), np.int64))
            at = alarm_at[numbers]
            due.append(numbers[at <= clock])
            waiting = numbers[(at > clock) & (at >> BUCKET_BITS == bucket)]
            if len(waiting):
                self._bucket(bucket).frombytes(waiting.tobytes())
                break  # the bucket of now is the last one
        return np.unique(np.concatenate(due))

    def _bucket(self, bucket: int) -> "array[int]":
        found = self._buckets.get(bucket)
        if found is None:
            found = self._buckets[bucket] = array("q")
            heappush(self._order, bucket)
        return found
