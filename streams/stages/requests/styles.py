"""How often each person was shown a style since they last clicked one.

What is kept of a person and a style is a function of the set of its feedback: records
that come twice, late or in another order change nothing.
"""

from dataclasses import dataclass

from model_export.space.style import MAX_NAMED, written
from streams.columns.batches import Sections, sections
from streams.stages.requests.reading import Seen

KEY_END = b"\x1f"
"""Ends the key of a row in the changelog: no admitted user id ends so."""

COUNTED_MS = 86_400_000
"""An impression counts for a day."""

MAX_STYLES = 8
"""Styles remembered of a person: those seen last."""

MAX_SHOWN = 6
"""Impressions remembered of a style: the newest."""

_BETWEEN = "\x1f"
"""Between the parts of a line: names of styles can be printed."""


@dataclass(slots=True)
class _Count:
    """One person and one style; instants are event time, epoch ms."""

    name: str
    clicked_at: int
    """When the newest impression that was clicked had been shown; 0: never."""
    shown_at: list[int]
    """Impressions after it, newest first: nobody has clicked them."""

    @property
    def newest(self) -> int:
        return max(self.clicked_at, *self.shown_at[:1], 0)

    def learn(self, seen: Seen) -> None:
        if seen.clicked:
            self.clicked_at = max(self.clicked_at, seen.shown_at)
            self.shown_at = [at for at in self.shown_at if at > self.clicked_at]
        elif seen.shown_at > self.clicked_at and seen.shown_at not in self.shown_at:
            newest_first = sorted([*self.shown_at, seen.shown_at], reverse=True)
            self.shown_at = newest_first[:MAX_SHOWN]

    def n_shown(self, now: int) -> int:
        return sum(at > now - COUNTED_MS for at in self.shown_at)


class StyleCounts:
    """Unclicked impressions by person and style, of one partition.

    Args:
        enough: impressions without a click that make a person tired of a style.
    """

    def __init__(self, enough: int) -> None:
        self._enough = enough
        self._rows: dict[str, bytes] = {}
        """As they are written: objects would take five times the memory."""
        self._dirty: dict[str, None] = {}

    def __len__(self) -> int:
        """Return the number of people remembered."""
        return len(self._rows)

    def see(self, seen: Seen, now: int) -> bool:
        """Learn what came of an impression; return whether its style is tired."""
        row = self._rows.get(seen.user_id)
        styles = _of_row(row) if row else []
        own = next((one for one in styles if one.name == seen.style), None)
        if own is None:
            own = _Count(seen.style, 0, [])
            styles.append(own)
        own.learn(seen)
        styles.sort(key=lambda one: one.newest, reverse=True)
        changed = _row_of(styles[:MAX_STYLES])
        if changed != row:
            self._rows[seen.user_id] = changed
            self._dirty[seen.user_id] = None
        return own.n_shown(now) >= self._enough

    def tired_of(self, user_id: str, now: int) -> str | None:
        """Return the styles that a person is tired of, as a request names them.

        The one seen last comes first; None when there are none.
        """
        row = self._rows.get(user_id)
        if row is None:
            return None
        found = [one.name for one in _of_row(row) if one.n_shown(now) >= self._enough]
        return written(found[:MAX_NAMED])

    def remove(self, user_id: str) -> None:
        """Forget a person; forgetting who is not there changes nothing."""
        if self._rows.pop(user_id, None) is not None:
            self._dirty[user_id] = None

    def take_sections(self, max_bytes: int) -> Sections:
        """Return what changed as records sections of at most `max_bytes`."""
        changed, self._dirty = list(self._dirty), {}
        rows = [(one.encode() + KEY_END, self._rows.get(one)) for one in changed]
        return sections(rows, max_bytes)

    def restore(self, key: bytes, row: bytes | None) -> None:
        """Take a row of the changelog back, its key without `KEY_END`.

        Raises:
            ValueError: it is none.
        """
        user_id = key.decode(errors="replace")
        if row is None:
            self._rows.pop(user_id, None)
        else:
            self._rows[user_id] = _row_of(_of_row(row))


def _row_of(styles: list[_Count]) -> bytes:
    """Return a line a style: its name, then the instants."""
    lines = [
        _BETWEEN.join((one.name, *map(str, (one.clicked_at, *one.shown_at))))
        for one in styles
    ]
    return "\n".join(lines).encode()


def _of_row(row: bytes) -> list[_Count]:
    try:
        lines = [line.split(_BETWEEN) for line in row.decode().split("\n")]
        return [
            _Count(name, int(clicked_at), [int(at) for at in shown_at])
            for name, clicked_at, *shown_at in lines
        ]
    except ValueError as error:
        raise ValueError(
            f"a row of styles cannot be read ({error}): another release wrote it"
        ) from error
