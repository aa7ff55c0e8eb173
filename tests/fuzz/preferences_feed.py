"""Behavior and Preference payloads -> decode, fold, write, restore, snapshots."""

import random
from collections import Counter

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Behavior, Preference, Profile, Record
from schemas.vocabulary import deployed
from streams.columns.changelog import FIELDS
from streams.columns.columns import Columns
from streams.columns.decoder import Decoder
from streams.columns.from_records import FOLDED
from streams.columns.payload import Payload
from streams.engine.stage import Incoming
from streams.settings import PreferencesSettings
from streams.stages.preferences.stage import Preferences
from tests.fuzz.sections import Sections, exact
from tests.streams.hostile_records import NOW, behavior, mutated, preference

N_USERS = 60


class PreferencesFeed:
    """Feeds `_decode` and the preferences kernel."""

    def __init__(self, rng: random.Random, counts: Counter[str]) -> None:
        self._rng, self._counts = rng, counts
        ids = LockedIds()
        self._codec = Codec(Preference, ids)
        self._decoders = {
            Behavior: Decoder(Behavior, ids, FOLDED, "user_id"),
            Preference: Decoder(Preference, ids, FIELDS, "user_id"),
        }
        self._behaviors = Sections(Behavior, behavior, rng)
        self._preferences = Sections(Preference, preference, rng)
        self._stage = self._new_stage()
        self._offset = 0

    def _new_stage(self) -> Preferences:
        window = self._rng.choice([1, 50, 3_000])
        settings = PreferencesSettings(duplicate_window=window, half_lives_s=(60, 600))
        return Preferences(settings, deployed(), self._codec)

    def round(self) -> None:
        """Take one payload of each kind through everything, spoilt in many ways."""
        if self._rng.random() < 0.1:
            self._stage = self._new_stage()
        for content, n in self._behaviors:
            self._behave(content, n)
        for content, n in self._preferences:
            self._restore(content, n)
        self._copy_by_snapshot()

    def _behave(self, content: memoryview, n: int) -> None:
        columns = self._decode(Behavior, content, n)
        self._stage.fold(Behavior, self._rng.randrange(2), columns, NOW)
        self._offset += n
        if self._rng.random() < 0.1:
            self._stage.recall(Behavior, 0, columns)
            self._forget()
            self._write()

    def _decode(self, record: type[Record], content: memoryview, n: int) -> Columns:
        payload = Payload(content, n, self._offset, NOW)
        columns = self._decoders[record].decode([payload], 0, NOW)
        self._counts["payloads"] += 1
        self._counts["inputs"] += len(columns) + len(columns.odd)
        self._counts["broken framings"] += len(columns.malformed)
        self._counts["admitted"] += len(columns)
        return columns

    def _write(self) -> None:
        """Take what has changed, bring it back into a stage of its own."""
        other = self._new_stage()
        for section in self._stage.take_sections():
            payload = Payload(exact(section.records), section.n_records, 0, 0)
            self._counts["written"] += section.n_records
            other.restore_payloads(section.partition, [payload], 0)

    def _restore(self, content: memoryview, n: int) -> None:
        """Bring people back as hostile records say they were."""
        columns = self._decode(Preference, content, n)
        state = self._stage._partition(0)
        self._stage._restoring.put(state, columns)
        if self._rng.random() < 0.1:
            state.restored([self._offset] * 3)
            for number in range(0, state.table.index.n_rows, 7):
                state.table.touch(number)
            self._write()

    def _copy_by_snapshot(self) -> None:
        """Load the parts of a snapshot, good, spoilt and cut, into other stages."""
        good, spoilt = self._new_stage(), self._new_stage()
        for part in self._stage.snapshot_parts(0):
            good.load_snapshot(0, exact(part))
            try:
                spoilt.load_snapshot(0, exact(mutated(self._rng, part)))
            except (ValueError, MemoryError):
                self._counts["snapshots refused"] += 1
        self._counts["snapshots"] += 1
        self._counts["written"] += _n_written(good)
        try:
            self._counts["written"] += _n_written(spoilt)
        except IndexError:  # "row ... is broken": seen, not followed
            self._counts["snapshots refused"] += 1

    def _forget(self) -> None:
        for _ in range(self._rng.randrange(20)):
            user = f"user-{self._rng.randrange(N_USERS)}"
            self._stage.step([Incoming(Profile, user, None, 0, self._offset)], NOW)
            self._counts["erased"] += 1


def _n_written(stage: Preferences) -> int:
    """Write people who came from a snapshot; return how many."""
    table = stage._partition(0).table
    for number in range(0, table.index.n_rows, 5):
        table.touch(number)
    return sum(section.n_records for section in stage.take_sections())
