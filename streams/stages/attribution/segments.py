"""One partition's impressions <-> rows of the changelog, many impressions a row.

A segment is what changed between two checkpoints, in rows of about 64 KiB. A later
segment's entry wins over an earlier one's. A segment all of whose entries have been
written again or have ended is deleted. One that still holds some keeps the others too;
which of them have ended follows from the clock in the newest segment's head: at a
tick, an impression ends exactly when its windows are over.
"""

import struct

import numpy as np

from schemas.vocabulary import VocabularyError, ids_of, mark
from schemas.vocabulary.ids import DIGEST_CHARACTERS
from streams.engine.stage import StateRow
from streams.errors import StateError
from streams.stages.attribution.impression import with_surfaces
from streams.stages.attribution.reference import Impressions
from streams.stages.attribution.state import SURFACES

MAX_BYTES = 64 * 1024
"""Of a segment, give or take an impression."""

_HEAD = struct.Struct("<Bqq")
"""Version, wall clock and newest event time at the last tick."""
_VERSION = 1
_DIGEST_BYTES = DIGEST_CHARACTERS // 2
_MARKED_VERSION = 2
"""After the head stands the digest of the vocabulary; without it, the bundled one's."""


class SegmentLog:
    """Which segments of a partition are still needed."""

    def __init__(self, partition: int, table: Impressions) -> None:
        self._partition = partition
        self._table = table
        self._live: dict[int, int] = {}
        """Entries by segment that is written."""
        self._next = 1
        self._dead: set[int] = set()
        """Deleted in the changelog; their entries may still be in the table."""
        self._restored_clock: tuple[int, ...] = (0, 0)

    def take_rows(self) -> list[StateRow]:
        """Return new segments, then deletions of those that nobody needs now."""
        seal = bytes.fromhex(mark() or "")
        clock = self._table.ticked_at, self._table.ticked_newest
        head = _HEAD.pack(_MARKED_VERSION if seal else _VERSION, *clock) + seal
        taken = self._table.take_dirty(self._next, MAX_BYTES)
        ended = self._release()
        if ended and not taken and any(self._live.values()):
            taken = [(b"", 0)]  # the clock alone
        rows = [self._written(head + content, n) for content, n in taken]
        newest = self._next - 1 if any(self._live.values()) else 0
        unused = [number for number, n in self._live.items() if not n]
        for number in sorted(set(unused) - {newest}):
            del self._live[number]
            rows.append(self._row(number, None))
        return rows

    def restore(self, number: int, content: bytes | None) -> None:
        """Take a segment, or its deletion, back; `end_restore` must follow the last.

        Raises:
            ValueError: it is cut off, or of another release.
            StateError: nobody knows the vocabulary it was written under.
        """
        self._next = max(self._next, number + 1)
        if content is None:
            self._dead.add(number)
            return
        version, *clock = _HEAD.unpack_from(content)
        if version not in {_VERSION, _MARKED_VERSION}:
            raise ValueError(
                f"a segment of version {version}: expected {_MARKED_VERSION} at most; "
                "it was written by a newer release"
            )
        at = _HEAD.size + (_DIGEST_BYTES if version == _MARKED_VERSION else 0)
        surfaces = _surfaces(content[_HEAD.size : at])
        rest = content[at:]
        if surfaces != SURFACES:
            rest = with_surfaces(rest, number, surfaces)
        self._restored_clock = tuple(clock)
        self._live[number] = self._table.restore(rest, number)

    def end_restore(self) -> None:
        """Forget what had ended when the newest segment was written."""
        now, newest = self._restored_clock
        self._table.sweep(now, newest, frozenset(self._dead & self._live.keys()))
        for number in self._dead:
            self._live.pop(number, None)
        self._dead.clear()
        self._release()

    def _written(self, content: bytes, n: int) -> StateRow:
        number, self._next = self._next, self._next + 1
        self._live[number] = n
        return self._row(number, content)

    def _row(self, number: int, content: bytes | None) -> StateRow:
        return StateRow(self._partition, str(number), content)

    def _release(self) -> bool:
        """Count entries that are elsewhere now or gone; return whether any are."""
        numbers, counts = np.unique(self._table.take_released(), return_counts=True)
        for number, n in zip(numbers.tolist(), counts.tolist(), strict=True):
            if number in self._live:
                self._live[number] -= n
        return len(numbers) > 0


def _surfaces(digest: bytes) -> tuple[str, ...]:
    """Return the surfaces of a vocabulary by its digest; empty: the bundled one."""
    try:
        return ids_of(digest.hex() or None).surfaces
    except VocabularyError as error:
        raise StateError(f"changelog of attribution: {error}") from error
