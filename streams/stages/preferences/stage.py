"""ads.behavior.v1, ads.profile.v1, ads.text-signal.v1 -> ads.preference.v1.

The output is the stage's own changelog: one record per changed person per checkpoint,
written straight from the rows. Each record carries the offsets that it includes, so
that events read twice after a crash are folded in once; an event id that is repeated
within the window changes nothing at any offset.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from schemas.avro import Codec
from schemas.records import Behavior, Preference, Profile, Record, TextSignal
from schemas.vocabulary import Vocabulary, deployed
from streams.columns.batches import records_section
from streams.columns.columns import Columns, Ints
from streams.columns.from_records import FOLDED, behavior_columns
from streams.columns.payload import Payload
from streams.columns.rules import fold_rules
from streams.engine.stage import (
    Incoming,
    Outgoing,
    Section,
    SnapshottedStage,
    StateRow,
    rows_of,
)
from streams.kafka.wire import Wire
from streams.settings import PreferencesSettings, Settings
from streams.stages.preferences import STAGE, snapshot
from streams.stages.preferences.converting import Convert, converter
from streams.stages.preferences.partition import PreferencePartition, encoded_lives
from streams.stages.preferences.reference import SOURCES, ReferencePreferences
from streams.stages.preferences.restoring import Restoring
from streams.stages.preferences.user_table import KERNEL, UserTable

MAX_SECTION_BYTES = 800_000
"""A record batch stays below Kafka's default limit of 1 MB."""


class Preferences:
    """What `ReferencePreferences` is, by the kernel, with snapshots (a `Stage`).

    Args:
        settings: of this stage.
        vocabulary: of the deployment.
        codec: of the output.
    """

    name = STAGE.name
    sources = STAGE.sources
    columnar: Mapping[type[Record], tuple[str, ...]] = {Behavior: FOLDED}

    def __init__(
        self,
        settings: PreferencesSettings,
        vocabulary: Vocabulary,
        codec: Codec[Preference],
    ) -> None:
        self._settings = settings
        self._codec = codec
        self._rules = fold_rules(
            settings.half_lives_s, vocabulary.categories, vocabulary.maps
        )
        self._columns = vocabulary.columns
        self._folder: Any = KERNEL.Folder(self._rules) if KERNEL else None
        self._lives = encoded_lives(settings.half_lives_s)
        self._restoring = Restoring(codec, self._lives)
        self._partitions: dict[int, PreferencePartition] = {}
        self._blocks: Any = KERNEL.Blocks() if KERNEL else None
        """Memory of the sections."""

    # -- events -------------------------------------------------------------------

    def fold(
        self,
        source: type[Record],  # noqa: ARG002 - only behaviour comes in columns
        partition: int,
        columns: Columns,
        now: int,  # noqa: ARG002 - event time rules here
    ) -> list[Outgoing]:
        """Fold Behavior columns in. Nothing goes out: the changelog is the output."""
        self._partition(partition).fold_behavior(columns)
        return []

    def unknown_categories(self, columns: Columns) -> Sequence[int]:
        """Return the rows that name a category which is not in the vocabulary."""
        found: Sequence[int] = KERNEL.unknown(self._folder, columns) if KERNEL else ()
        return found

    def recall(self, source: type[Record], partition: int, columns: Columns) -> None:  # noqa: ARG002 - only behaviour comes in columns
        """See the ids of behaviour again that the rows include."""
        self._partition(partition).table.recall(columns)

    def n_recalled(self, source: type[Record]) -> int:  # noqa: ARG002 - only behaviour comes in columns
        """Return the window of events among which a repeated id is recognised."""
        return self._settings.duplicate_window

    def step(self, incoming: Sequence[Incoming], now: int) -> list[Outgoing]:  # noqa: ARG002 - event time rules here
        """Fold single records in: profiles, texts, and behaviour that came odd."""
        behaviors: dict[int, list[tuple[int, Behavior]]] = {}
        for record in incoming:
            partition = self._partition(record.partition)
            match record.value:
                case Behavior():
                    waiting = behaviors.setdefault(record.partition, [])
                    waiting.append((record.offset, record.value))
                    continue
                case None | Profile():
                    # Erasure and behaviour keep their order.
                    self._flush(behaviors)
            match record.value:
                case Profile():
                    partition.fold_profile(record.value, record.offset)
                case TextSignal():
                    partition.fold_text(record.value, record.offset)
                case None:
                    partition.erase(record.key, record.offset)
        self._flush(behaviors)
        return []

    def _flush(self, behaviors: dict[int, list[tuple[int, Behavior]]]) -> None:
        for number, records in behaviors.items():
            self._partition(number).fold_behavior(behavior_columns(records))
        behaviors.clear()

    def tick(self, now: int) -> list[Outgoing]:  # noqa: ARG002 - decay needs no clock
        """Return nothing: weights decay by being read later."""
        return []

    # -- state --------------------------------------------------------------------

    def n_changed(self) -> int:
        """Return how many people have changed since the last `take_sections`."""
        return sum(one.table.n_dirty for one in self._partitions.values())

    def take_sections(self) -> list[Section]:
        """Return the Preference records of all changed people, ready to be sealed."""
        found: list[Section] = []
        self._blocks.turn()
        for number, partition in self._partitions.items():
            changed = partition.table.take_dirty()
            found += [
                Section(number, records, n)
                for records, n in self._sections(partition, changed)
            ]
            partition.forget_replayed()
            back = [user for user in partition.gone if partition.table.find(user) < 0]
            partition.gone.clear()
            if back:
                tombstones = records_section((user.encode(), None) for user in back)
                found.append(Section(number, tombstones, len(back)))
        return found

    def _sections(
        self, partition: PreferencePartition, numbers: Ints
    ) -> list[tuple[bytes, int]]:
        table = partition.table
        found: list[tuple[bytes, int]] = table.kernel.sections(
            table.kernel_rules,
            table.index,
            table.rows,
            numbers,
            self._codec.frame,
            self._lives,
            partition.profiles,
            partition.encoded_positions(),
            MAX_SECTION_BYTES,
            self._blocks,
        )
        return found

    def take_dirty(self) -> list[StateRow]:
        """Return what `take_sections` does, row by row."""
        return rows_of(self.take_sections())

    def restore(self, rows: Iterable[StateRow]) -> None:
        """Take people back from single Preference records."""
        by_partition: dict[int, list[tuple[bytes, bytes | None]]] = {}
        for row in rows:
            pairs = by_partition.setdefault(row.partition, [])
            pairs.append((row.key.encode(), row.value))
        for number, pairs in by_partition.items():
            payload = Payload(records_section(pairs), len(pairs), 0, 0)
            self.restore_payloads(number, [payload], 0)
            self.restored(number, {})

    def restore_payloads(
        self, partition: int, payloads: Sequence[Payload], from_offset: int
    ) -> None:
        """Take people back from record batches of the changelog, in offset order."""
        self._restoring.restore(self._partition(partition), payloads, from_offset)

    def restored(self, partition: int, positions: Mapping[type[Record], int]) -> None:
        """End a restore: `positions` are where the sources will be read from."""
        self._partition(partition).restored(
            [positions.get(source, 0) for source in SOURCES]
        )

    def snapshot_layout(self) -> str:
        """Return what the parts of a snapshot mean."""
        return snapshot.layout(self._settings.half_lives_s, self._rules.categories)

    def snapshot_converter(self, layout: str) -> Convert:
        """Return what turns parts of another layout into ours."""
        return converter(layout, self._settings.half_lives_s)

    def snapshot_parts(self, partition: int) -> Iterator[bytes]:
        """Yield the people of a partition, a slice at a time."""
        return snapshot.parts(self._partition(partition))

    def load_snapshot(self, partition: int, part: memoryview) -> None:
        """Put a slice of people back."""
        snapshot.load(self._partition(partition), part)

    def adopt(self, partition: int, holder: SnapshottedStage) -> None:
        """Take a partition over from a stage of the same settings."""
        if not isinstance(holder, Preferences):
            raise TypeError(f"expected preferences, got {holder}")
        self._partitions[partition] = holder._partitions.pop(partition)  # noqa: SLF001 - one of us

    def drop(self, partition: int) -> None:
        """Forget a partition."""
        self._partitions.pop(partition, None)

    def _partition(self, number: int) -> PreferencePartition:
        if number not in self._partitions:
            table = UserTable(self._rules, self._settings.duplicate_window)
            self._partitions[number] = PreferencePartition(table, self._columns)
        return self._partitions[number]


def build(settings: Settings, wire: Wire) -> Preferences | ReferencePreferences:
    """Return the stage that keeps rolling preferences."""
    return preferences(settings.preferences, deployed(), wire.codec(Preference))


def preferences(
    settings: PreferencesSettings, vocabulary: Vocabulary, codec: Codec[Preference]
) -> Preferences | ReferencePreferences:
    """Return the stage: by the kernel, or the reference where there is none."""
    is_built = KERNEL is not None and settings.kernels == "auto"
    make = Preferences if is_built else ReferencePreferences
    return make(settings, vocabulary, codec)
