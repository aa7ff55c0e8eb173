"""The people of one partition: behaviour, profiles and text signals become rows."""

from collections.abc import Sequence

import numpy as np

from schemas.records import Profile, TextSignal
from schemas.vocabulary import mark
from streams.columns.changelog import sized, varint
from streams.columns.columns import Columns, Ints
from streams.stages.preferences.reference import INTEREST_WEIGHT, SOURCES
from streams.stages.preferences.user_table import UserTable

_NO_ROWS = np.zeros((len(SOURCES), 0), np.int64)

NOBODY = bytes(4)
"""A profile that says nothing: language, region, age band and device are null."""


class PreferencePartition:
    """Rows, profiles and positions of one partition.

    Args:
        table: of the rows.
        columns: category -> column.
    """

    def __init__(self, table: UserTable, columns: dict[str, int]) -> None:
        self.table = table
        self.positions = [-1, -1, -1]
        """Last offset folded in of each of `SOURCES`."""
        self.profiles: list[bytes] = [NOBODY]
        """Language, region, age band and device as Avro; rows carry the number."""
        self.gone: dict[str, None] = {}
        """Erased people whose tombstone is not written yet."""
        self._profile_numbers = {NOBODY: 0}
        self._columns = columns
        self.replayed = _NO_ROWS
        """While state is restored: the offset of each source that each row includes."""
        self._included: list[Ints] = [np.zeros(0, np.int64)] * len(SOURCES)

    # -- folding ------------------------------------------------------------------

    def fold_behavior(self, columns: Columns) -> None:
        """Fold Behavior columns in offset order."""
        if not len(columns):
            return
        self.table.fold(columns)
        self.positions[0] = max(self.positions[0], int(columns.offsets[-1]))

    def fold_profile(self, profile: Profile, offset: int) -> None:
        """Take a profile over, and what interests it declares."""
        if self._is_included(1, profile.user_id, offset):
            return
        number = self.table.find_or_add(profile.user_id)
        suffix = NOBODY
        if profile.consent:
            values = profile.language, profile.region, profile.age_band, profile.device
            suffix = b"".join(map(_optional, values))
        self.table.rows["profile"][number] = self.profile_number(suffix)
        is_new = self._is_new("profile", profile.user_id, str(profile.updated_at))
        # A person who was erased may send the same profile again.
        if not is_new and self.table.rows["as_of"][number]:
            self.table.touch(number)
            return
        known = [self._columns[i] for i in profile.interests if i in self._columns]
        self.table.signal(
            number,
            profile.updated_at,
            consent=profile.consent,
            columns=known,
            amounts=[INTEREST_WEIGHT] * len(known),
            is_event=False,
        )

    def fold_text(self, signal: TextSignal, offset: int) -> None:
        """Take over what a text says about its writer."""
        if self._is_included(2, signal.user_id, offset):
            return
        if not self._is_new("text", signal.user_id, signal.text_id):
            return
        number = self.table.find_or_add(signal.user_id)
        known = [one for one in signal.shifts if one.category in self._columns]
        self.table.signal(
            number,
            signal.written_at,
            consent=signal.consent,
            columns=[self._columns[one.category] for one in known],
            amounts=[one.weight for one in known],
            is_event=True,
        )

    def erase(self, user_id: str, offset: int) -> None:
        """Forget a person."""
        self.positions[1] = max(self.positions[1], offset)
        number = self.table.find(user_id)
        if self._includes(1, number, offset):
            return
        if self.table.remove(user_id):
            for included in self._included:
                included[number : number + 1] = -1
        self.gone[user_id] = None

    def profile_number(self, suffix: bytes) -> int:
        """Return the number of a profile, a new one when it is new."""
        number = self._profile_numbers.setdefault(suffix, len(self.profiles))
        if number == len(self.profiles):
            self.profiles.append(suffix)
        return number

    def _is_included(self, source: int, user_id: str, offset: int) -> bool:
        """Move the position; return whether the person's row includes the offset."""
        self.positions[source] = max(self.positions[source], offset)
        return self._includes(source, self.table.find(user_id), offset)

    def _includes(self, source: int, number: int, offset: int) -> bool:
        """Return whether a restored row includes an offset of a source already."""
        included = self._included[source]
        return 0 <= number < len(included) and offset <= int(included[number])

    def _is_new(self, kind: str, user_id: str, event_id: str) -> bool:
        is_new: bool = self.table.window.is_new(f"{kind}|{user_id}|{event_id}".encode())
        return is_new

    # -- restoring ----------------------------------------------------------------

    def make_room_for_replayed(self) -> None:
        """Let every row have its included offsets while state is restored."""
        missing = len(self.table.rows) - self.replayed.shape[1]
        if missing > 0:
            more = np.full((len(SOURCES), missing), -1, np.int64)
            self.replayed = np.concatenate([self.replayed, more], axis=1)

    def restored(self, positions: Sequence[int]) -> None:
        """End a restore: the sources will be read from `positions`.

        Only where rows include offsets from there on are these remembered.
        """
        for source, position in enumerate(positions):
            included = self.replayed[source]
            newest = int(included.max(initial=-1))
            self.positions[source] = max(self.positions[source], newest)
            if newest >= position:
                self._remember(source, included.copy())
        self.replayed = _NO_ROWS

    def _remember(self, source: int, included: Ints) -> None:
        self._included[source] = included
        if source == 0:
            self.table.replayed = included

    def forget_replayed(self) -> None:
        """Forget what rows include of sources of which none of it can come again.

        At a checkpoint, when everything up to `positions` is folded in: within a batch
        odd records come after the columns, whose offsets are higher.
        """
        for source, included in enumerate(self._included):
            if len(included) and self.positions[source] > included.max():
                self._remember(source, included[:0])

    def encoded_positions(self) -> bytes:
        """Return the positions as Avro, and the vocabulary, which follows them."""
        return b"".join(map(varint, self.positions)) + _optional(mark())


def encoded_lives(half_lives_s: Sequence[int]) -> bytes:
    """Return half-lives as an Avro array of longs."""
    return varint(len(half_lives_s)) + b"".join(map(varint, half_lives_s)) + b"\0"


def _optional(value: str | None) -> bytes:
    return b"\0" if value is None else b"\2" + sized(value.encode())
