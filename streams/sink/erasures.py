"""Profile tombstones -> who is to stay forgotten.

After a tombstone nothing about that person is kept, whenever it arrives: late events,
what other stages still derive from them, a log that is replayed from its beginning. A
person who comes back does so with a new profile; what happened since then is kept.
Remembered is a digest of the pseudonym, not the pseudonym.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

MAX_STRANGERS = 300_000
"""People who are remembered not to be erased: some 40 MB."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """One person, forgotten."""

    user_digest: str
    returned_at: int | None
    """Epoch ms of the profile they came back with; None while they are gone."""


class Erasures:
    """Who is forgotten.

    >>> erasures = Erasures()
    >>> erasures.erase("u1")
    >>> erasures.admits("u1", at=5), erasures.admits("u2", at=5)
    (False, True)
    >>> erasures.take_back("u1", at=7)
    >>> erasures.admits("u1", at=6), erasures.admits("u1", at=7)
    (False, True)
    """

    def __init__(self, known: Iterable[Erasure] = ()) -> None:
        self._returned: dict[str, int | None] = {
            erasure.user_digest: erasure.returned_at for erasure in known
        }
        self._changed: set[str] = set()
        self._strangers: set[str] = set()

    def __len__(self) -> int:
        return len(self._returned)

    def erase(self, user_id: str) -> None:
        """Forget a person, also one who had come back."""
        digest = digest_of(user_id)
        self._returned[digest] = None
        self._changed.add(digest)
        self._strangers.discard(user_id)

    def take_back(self, user_id: str, at: int) -> None:
        """Note a profile: a forgotten person is back since then, once."""
        if not self._returned:
            return
        digest = digest_of(user_id)
        if digest in self._returned and self._returned[digest] is None:
            self._returned[digest] = at
            self._changed.add(digest)

    def admits(self, user_id: str, at: int) -> bool:
        """Return False when what happened `at` (epoch ms) is to stay forgotten."""
        if not self._returned:
            return True
        digest = digest_of(user_id)
        if digest not in self._returned:
            return True
        returned_at = self._returned[digest]
        return returned_at is not None and at >= returned_at

    def strangers(self, user_ids: Iterable[str]) -> set[str]:
        """Return those of whom nothing was ever erased; what is asked often is quick.

        A digest costs more than all else that is done to a row, so who is none of the
        erased is remembered, up to `MAX_STRANGERS` people.
        """
        asked = set(user_ids)
        unknown = asked - self._strangers
        if len(self._strangers) + len(unknown) > MAX_STRANGERS:
            self._strangers, unknown = set(), asked
        new = {one for one in unknown if digest_of(one) not in self._returned}
        self._strangers |= new
        return asked & self._strangers

    def take_changed(self) -> list[Erasure]:
        """Return what changed since the last call."""
        changed = [
            Erasure(digest, self._returned[digest]) for digest in sorted(self._changed)
        ]
        self._changed.clear()
        return changed


def digest_of(user_id: str) -> str:
    """Return 32 hexadecimal digits that stand for a pseudonym."""
    return blake2b(
        user_id.encode(), digest_size=16, person=b"adloom-erasure"
    ).hexdigest()
