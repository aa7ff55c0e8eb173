"""The people of one partition: the reference of the kernel.

It says what the table means, and is the table where there is no compiler.
"""

from collections.abc import Iterator
from heapq import heappop, heappush

from streams.columns.batches import records_section, sections
from streams.columns.columns import cut
from streams.columns.frames import frames
from streams.columns.payload import Payload
from streams.stages.requests.person import (
    NeedRules,
    Person,
    decode_person,
    encode_person,
)
from streams.stages.requests.styles import KEY_END, StyleCounts


def rows_of(payload: Payload, from_offset: int) -> Iterator[tuple[bytes, bytes | None]]:
    """Yield (key, row) of a batch of the changelog, in offset order."""
    for delta, key, row in frames(bytes(payload.records), payload.n_records):
        if payload.base_offset + delta >= from_offset:
            yield cut(payload, key) or b"", cut(payload, row)


class PeopleByName:
    """What is remembered of people, by user id.

    Args:
        rules: when a person needs a new creative.
        n_categories: length of a preference vector.
    """

    n_unfit = 0
    """Records whose weights do not fit: admission has refused them."""

    def __init__(self, rules: NeedRules, n_categories: int) -> None:
        self.styles = StyleCounts(rules.fatigue_impressions)
        """What these people saw and did not click."""
        self._n_categories = n_categories
        self._people: dict[str, Person] = {}
        self._calls: list[tuple[int, str]] = []
        """(when to look at a person, user id), a heap."""
        self._called: dict[str, int] = {}
        """User id -> which of the calls is the valid one."""
        self._gone: dict[str, None] = {}
        self._restored: set[str] = set()

    def __len__(self) -> int:
        return len(self._people)

    def load(self, user_id: str) -> Person | None:
        """Return a person; `store` must follow what is changed of them."""
        return self._people.get(user_id)

    def store(self, user_id: str, person: Person) -> None:
        """Keep a person, and have them looked at when their `alarm_at` has come."""
        self._people[user_id] = person
        if self._called.get(user_id) != person.alarm_at:
            self._called[user_id] = person.alarm_at
            heappush(self._calls, (person.alarm_at, user_id))

    def agrees(self, user_id: str) -> bool:
        """Return whether there is such a person, who consents."""
        person = self._people.get(user_id)
        return person is not None and person.consent

    def remove(self, user_id: str) -> None:
        """Forget a person; forgetting who is not there changes nothing."""
        self.styles.remove(user_id)
        self._called.pop(user_id, None)
        if self._people.pop(user_id, None) is not None:
            self._gone[user_id] = None

    def due(self, now: int) -> list[str]:
        """Return the people to look at, once each."""
        found: list[str] = []
        while self._calls and self._calls[0][0] <= now:
            at, user_id = heappop(self._calls)
            if self._called.get(user_id) == at:
                del self._called[user_id]
                found.append(user_id)
        return found

    # -- changelog ------------------------------------------------------------------

    def take_sections(self, max_bytes: int) -> list[tuple[bytes, int]]:
        """Return changed people as records sections of at most `max_bytes` each."""
        rows: list[tuple[bytes | None, bytes | None]] = []
        for user_id, person in self._people.items():
            if person.is_changed:
                person.is_changed = False
                row = encode_person(person, self._n_categories)
                rows.append((user_id.encode(), row))
        gone, self._gone = list(self._gone), {}
        tombstones = records_section((one.encode(), None) for one in gone)
        found = [(tombstones, len(gone))] if gone else []
        found += sections(rows, max_bytes)
        return found + self.styles.take_sections(max_bytes)

    def restore(self, payload: Payload, from_offset: int) -> None:
        """Take people back from a batch of the changelog, in offset order."""
        for key, row in rows_of(payload, from_offset):
            if key.endswith(KEY_END):
                self.styles.restore(key[: -len(KEY_END)], row)
                continue
            # A foreign key becomes the id of nobody; it stops no worker.
            user_id = key.decode(errors="replace")
            self._people.pop(user_id, None)
            if row is not None:
                self._people[user_id] = decode_person(row, self._n_categories)
                self._restored.add(user_id)

    def end_restore(self, now: int) -> None:
        """Have the next tick look at each restored person once."""
        for user_id in sorted(self._restored & self._people.keys()):
            self._people[user_id].alarm_at = now
            self.store(user_id, self._people[user_id])
        self._restored.clear()
