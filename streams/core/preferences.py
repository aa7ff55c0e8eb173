"""ads.behavior.v1, ads.profile.v1, ads.text-signal.v1 -> ads.preference.v1.

The output is the stage's own changelog: one record per changed user per checkpoint.
Each record carries the last offset of every source that it includes, so that events
read twice after a crash are folded in once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from schemas.avro import Codec
from schemas.records import AgeBand, Behavior, Preference, Profile, Record, TextSignal
from schemas.taxonomy import Taxonomy
from streams.core.preference_table import PreferenceTable
from streams.core.stage import Incoming, Outgoing, StateRow
from streams.settings import PreferencesSettings

KIND_WEIGHTS: dict[str, float] = {
    "impression": 0.0,
    "view": 0.5,
    "search": 1.0,
    "click": 1.0,
    "conversion": 3.0,
    "dismiss": -1.0,
}
"""What one event adds to its category, in units of one click."""

INTEREST_WEIGHT = 2.0
"""What a declared interest adds."""

_BEHAVIOR, _PROFILE, _TEXT = range(3)


@dataclass
class _Additions:
    """Weight changes of one batch, column by column."""

    rows: list[int] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    amounts: list[float] = field(default_factory=list)
    at: list[int] = field(default_factory=list)

    def add(self, row: int, column: int | None, amount: float, at: int) -> None:
        if column is not None and amount:
            self.rows.append(row)
            self.columns.append(column)
            self.amounts.append(amount)
            self.at.append(at)


@dataclass
class _Partition:
    """Everything about the users of one partition."""

    table: PreferenceTable
    profiles: dict[str, Profile] = field(default_factory=dict)
    """Only language, region, age band and device of these are kept."""
    dirty: set[str] = field(default_factory=set)
    additions: _Additions = field(default_factory=_Additions)


class Preferences:
    """Rolling, decayed preferences over several half-lives (a `Stage`)."""

    name = "preferences"
    sources: tuple[type[Record], ...] = (Behavior, Profile, TextSignal)

    def __init__(
        self,
        settings: PreferencesSettings,
        taxonomy: Taxonomy,
        codec: Codec[Preference],
    ) -> None:
        self._settings = settings
        self._taxonomy = taxonomy
        self._codec = codec
        self._partitions: dict[int, _Partition] = {}

    def step(self, incoming: Sequence[Incoming], now: int) -> list[Outgoing]:  # noqa: ARG002 - event time rules here
        """Fold events in. Nothing goes out here: the changelog is the output."""
        for record in incoming:
            partition = self._partition(record.partition)
            match record.value:
                case Behavior():
                    self._fold_behavior(partition, record.value, record.offset)
                case Profile():
                    self._fold_profile(partition, record.value, record.offset)
                case TextSignal():
                    self._fold_text(partition, record.value, record.offset)
                case None:
                    self._erase(partition, record.key)
        for partition in self._partitions.values():
            self._apply(partition)
        return []

    def tick(self, now: int) -> list[Outgoing]:  # noqa: ARG002 - decay needs no clock
        """Return nothing: weights decay by being read later."""
        return []

    def take_dirty(self) -> list[StateRow]:
        """Return a Preference record for every changed user."""
        rows: list[StateRow] = []
        for number, partition in self._partitions.items():
            changed = sorted(partition.dirty)
            partition.dirty.clear()
            alive = [user for user in changed if partition.table.row(user) is not None]
            gone = set(changed).difference(alive)
            rows += [StateRow(number, user, None) for user in sorted(gone)]
            rows += [
                StateRow(number, record.user_id, self._codec.encode(record))
                for record in self._records(partition, alive)
            ]
        return rows

    def restore(self, rows: Iterable[StateRow]) -> None:
        """Take users back from Preference records."""
        newest = {(row.partition, row.key): row.value for row in rows}
        for (number, user_id), value in newest.items():
            partition = self._partition(number)
            if value is None:
                partition.table.remove(user_id)
                partition.profiles.pop(user_id, None)
            else:
                self._restore_user(partition, self._codec.decode(value))

    def drop(self, partition: int) -> None:
        """Forget a partition."""
        self._partitions.pop(partition, None)

    def _partition(self, number: int) -> _Partition:
        if number not in self._partitions:
            table = PreferenceTable(self._settings.half_lives_s, len(self._taxonomy))
            self._partitions[number] = _Partition(table)
        return self._partitions[number]

    def _open(
        self,
        partition: _Partition,
        user_id: str,
        source: int,
        offset: int,
        at: int,
        *,
        consent: bool,
    ) -> int | None:
        """Return the user's row, or None when this offset was folded in before."""
        table = partition.table
        row = table.row_or_new(user_id)
        if offset <= table.offsets[row, source]:
            return None
        table.offsets[row, source] = offset
        table.as_of[row] = max(table.as_of[row], at)
        if table.consent[row] and not consent:
            self._apply(partition)
            table.clear_weights(row)
        table.consent[row] = consent
        partition.dirty.add(user_id)
        return row

    def _fold_behavior(
        self, partition: _Partition, event: Behavior, offset: int
    ) -> None:
        row = self._open(
            partition,
            event.user_id,
            _BEHAVIOR,
            offset,
            event.occurred_at,
            consent=event.consent,
        )
        if row is None:
            return
        partition.table.n_events[row] += 1
        if event.kind == "impression":
            partition.table.n_unclicked[row] += 1
        elif event.kind == "click":
            partition.table.n_unclicked[row] = 0
        if event.consent and event.category is not None:
            partition.additions.add(
                row,
                self._taxonomy.column(event.category),
                KIND_WEIGHTS[event.kind],
                event.occurred_at,
            )

    def _fold_profile(
        self, partition: _Partition, profile: Profile, offset: int
    ) -> None:
        row = self._open(
            partition,
            profile.user_id,
            _PROFILE,
            offset,
            profile.updated_at,
            consent=profile.consent,
        )
        if row is None:
            return
        if not profile.consent:
            partition.profiles.pop(profile.user_id, None)
            return
        partition.profiles[profile.user_id] = profile
        for interest in profile.interests:
            partition.additions.add(
                row,
                self._taxonomy.column(interest),
                INTEREST_WEIGHT,
                profile.updated_at,
            )

    def _fold_text(
        self, partition: _Partition, signal: TextSignal, offset: int
    ) -> None:
        row = self._open(
            partition,
            signal.user_id,
            _TEXT,
            offset,
            signal.written_at,
            consent=signal.consent,
        )
        if row is None:
            return
        partition.table.n_events[row] += 1
        if not signal.consent:
            return
        for shift in signal.shifts:
            column = self._taxonomy.column(shift.category)
            partition.additions.add(row, column, shift.weight, signal.written_at)

    def _erase(self, partition: _Partition, user_id: str) -> None:
        self._apply(partition)
        partition.table.remove(user_id)
        partition.profiles.pop(user_id, None)
        partition.dirty.add(user_id)

    @staticmethod
    def _apply(partition: _Partition) -> None:
        """Fold the collected additions in: one scatter-add for the batch."""
        additions, partition.additions = partition.additions, _Additions()
        partition.table.add(
            np.array(additions.rows, np.int64),
            np.array(additions.columns, np.int64),
            np.array(additions.amounts, np.float32),
            np.array(additions.at, np.int64),
        )

    def _records(self, partition: _Partition, users: list[str]) -> list[Preference]:
        table = partition.table
        rows = np.array([table.row(user) for user in users], np.int64)
        weights = table.weights(rows) if users else np.zeros((0, 0, 0), np.float32)
        records = []
        for user, row, weight in zip(users, rows.tolist(), weights, strict=True):
            profile = partition.profiles.get(user)
            offsets = table.offsets[row].tolist()
            records.append(
                Preference(
                    user_id=user,
                    as_of=int(table.as_of[row]),
                    half_lives_s=tuple(self._settings.half_lives_s),
                    weights=weight.astype("<f4").tobytes(),
                    n_events=int(table.n_events[row]),
                    n_unclicked=int(table.n_unclicked[row]),
                    consent=bool(table.consent[row]),
                    language=profile.language if profile else None,
                    region=profile.region if profile else None,
                    age_band=profile.age_band if profile else None,
                    device=profile.device if profile else None,
                    behavior_offset=offsets[_BEHAVIOR],
                    profile_offset=offsets[_PROFILE],
                    text_offset=offsets[_TEXT],
                )
            )
        return records

    def _restore_user(self, partition: _Partition, record: Preference) -> None:
        table = partition.table
        row = table.row_or_new(record.user_id)
        table.as_of[row] = record.as_of
        table.n_events[row] = record.n_events
        table.n_unclicked[row] = record.n_unclicked
        table.consent[row] = record.consent
        table.offsets[row] = (
            record.behavior_offset,
            record.profile_offset,
            record.text_offset,
        )
        if record.half_lives_s == tuple(self._settings.half_lives_s):
            shape = (len(record.half_lives_s), len(self._taxonomy))
            weights = np.frombuffer(record.weights, "<f4").reshape(shape)
            table.put_weights(row, weights.astype(np.float32), record.as_of)
        if record.language or record.region or record.age_band or record.device:
            partition.profiles[record.user_id] = Profile(
                user_id=record.user_id,
                updated_at=record.as_of,
                age_band=cast(AgeBand | None, record.age_band),
                region=record.region,
                language=record.language,
                device=record.device,
                interests=(),
                consent=record.consent,
            )
