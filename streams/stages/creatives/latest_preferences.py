"""Preference columns -> what each person likes now, for whoever must know everybody.

Everybody's record comes by again and again, and few are ever asked about: a record
costs a gather and one entry of a dict, not the decoding of its fields.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from schemas.preference_vector import Floats, mixed, mixed_rows, to_bytes
from schemas.records import Preference
from streams.columns.columns import Bytes, Columns, Flags, Ints
from streams.columns.strings import gather

READ = ("user_id", "half_lives_s", "weights", "consent")
"""Fields of Preference that are read."""

_OFFSET_BYTES = 8
_ONE_BYTE = 0x80


@dataclass
class LatestPreferences:
    """The latest preference vector of every person, by partition.

    Args:
        n_categories: length of a vector.
    """

    n_categories: int
    _people: dict[int, dict[bytes, bytes]] = field(default_factory=dict)
    """Partition -> user id -> offset (8 bytes), and the vector: float32 [categories],
    or nothing of somebody who does not consent."""

    def fold(self, partition: int, columns: Columns) -> None:
        """Take over the columns `READ`, in offset order; later rows win.

        Rows whose weights are not [half-lives, categories] or not finite say nothing.
        """
        users = _bytes_of(columns, "user_id")
        people = self._people.setdefault(partition, {})
        refused = columns.slot("consent") == 0
        vectors, fits = self._vectors(columns)
        kept = np.empty(
            len(columns), [("offset", "<i8"), ("vector", "<f4", (self.n_categories,))]
        )
        kept["offset"], kept["vector"] = columns.offsets, vectors
        content, width = kept.tobytes(), kept.itemsize
        lengths = np.where(refused, _OFFSET_BYTES, width)
        starts = np.arange(len(columns)) * width
        ends = (starts + lengths).tolist()
        entries = [content[a:b] for a, b in zip(starts.tolist(), ends, strict=True)]
        if (fits | refused).all():
            people.update(zip(users, entries, strict=True))
            return
        for i in np.flatnonzero(fits | refused).tolist():
            people[users[i]] = entries[i]

    def put(self, partition: int, preference: Preference, offset: int) -> None:
        """Take over one record, unless a later one has been."""
        people = self._people.setdefault(partition, {})
        user = preference.user_id.encode()
        if offset <= _offset_of(people.get(user)):
            return
        vector = b""
        if preference.consent:
            n_half_lives = len(preference.half_lives_s)
            vector = to_bytes(
                mixed(preference.weights, n_half_lives, self.n_categories)
            )
        people[user] = offset.to_bytes(_OFFSET_BYTES, "little") + vector

    def forget(self, partition: int, user_id: str, offset: int) -> None:
        """Forget a person whose tombstone is at an offset, unless they came back."""
        people = self._people.get(partition, {})
        user = user_id.encode()
        if _offset_of(people.get(user)) < offset:
            people.pop(user, None)

    def of(self, partition: int, user_id: str) -> bytes | None:
        """Return a person's vector, float32 [categories]; None when there is none."""
        entry = self._people.get(partition, {}).get(user_id.encode(), b"")
        return entry[_OFFSET_BYTES:] or None

    def drop(self, partition: int) -> None:
        """Forget a partition."""
        self._people.pop(partition, None)

    def _vectors(self, columns: Columns) -> tuple[Floats, Flags]:
        """Return the rows' vectors [n, categories], and which rows have one [n]."""
        starts, content = gather(
            columns.payloads, columns.row_starts, columns.slot("weights")
        )
        n_half_lives = _n_half_lives(columns)
        fits = np.diff(starts) == n_half_lives * self.n_categories * 4
        fits &= n_half_lives > 0
        vectors = np.zeros((len(columns), self.n_categories), np.float32)
        for n in np.unique(n_half_lives[fits]).tolist():
            rows = np.flatnonzero(fits & (n_half_lives == n))
            weights = _cut(content, starts[rows], n * self.n_categories * 4)
            fits[rows] = np.isfinite(weights).all(1)
            vectors[rows] = mixed_rows(weights.reshape(-1, n, self.n_categories))
        return vectors, fits


def _cut(content: Bytes, starts: npt.NDArray[np.int32], width: int) -> Floats:
    """Return the floats in `width` bytes from each start [n, width / 4]."""
    if len(content) == len(starts) * width:  # nothing else is in there
        rows = content.reshape(-1, width)
    else:
        rows = content[starts[:, None] + np.arange(width)]
    floats: Floats = rows.view("<f4")
    return floats


def _bytes_of(columns: Columns, name: str) -> list[bytes]:
    starts, content = gather(columns.payloads, columns.row_starts, columns.slot(name))
    joined, at = content.tobytes(), starts.tolist()
    return [joined[a:b] for a, b in pairwise(at)]


def _n_half_lives(columns: Columns) -> Ints:
    """Return how many half-lives each row has [n]; 0 where that is not one byte.

    An Avro array begins with its count as a zigzag varint: even, and below 128 for
    fewer than 64.
    """
    starts, content = gather(
        columns.payloads, columns.row_starts, columns.slot("half_lives_s")
    )
    counts = np.zeros(len(columns), np.int64)
    some = np.diff(starts) > 0
    counts[some] = content[starts[:-1][some]]
    return np.where((counts < _ONE_BYTE) & (counts % 2 == 0), counts // 2, 0)


def _offset_of(entry: bytes | None) -> int:
    return int.from_bytes(entry[:_OFFSET_BYTES], "little") if entry else -1
