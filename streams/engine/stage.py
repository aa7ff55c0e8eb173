"""What a stage is: records in, records out, state that can be written and restored.

A stage knows nothing of Kafka. The engine (`streams.engine`) feeds it decoded records,
sends what it returns, writes its changed state to its changelog, and restores that
state before the first record of a partition that it gains.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from schemas.records import Record
from streams.columns.columns import Columns, cut
from streams.columns.encoded import Encoded
from streams.columns.frames import frames
from streams.columns.payload import Payload


@dataclass(frozen=True, slots=True)
class Incoming:
    """One record from a topic; each record type has exactly one topic."""

    record: type[Record]
    key: str
    value: Record | None
    """None is a tombstone: forget the key."""
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record to a topic; None as value is a tombstone."""

    record: type[Record]
    key: str
    value: Record | bytes | None
    """A record, or its message: framed and encoded."""
    partition_key: str | None = None
    """What decides the partition, when that is not the key."""


Output = Outgoing | Encoded
"""What leaves a stage: a record, or many that are encoded and keyed already."""


@dataclass(frozen=True, slots=True)
class StateRow:
    """One key's state for the changelog; None as value deletes it."""

    partition: int
    key: str
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Section:
    """Changelog records of one partition, encoded: a record batch without its header.

    Keys and values of `n_records` records with offset deltas 0, 1, 2 ... (Apache Kafka,
    "Message format").
    """

    partition: int
    records: bytes | memoryview
    """A view's memory is written again once it is gone."""
    n_records: int


def rows_of(sections: Iterable[Section]) -> list[StateRow]:
    """Return the records of sections one by one."""
    rows = []
    for section in sections:
        payload = Payload(section.records, section.n_records, 0, 0)
        for _, key, value in frames(bytes(section.records), section.n_records):
            name = (cut(payload, key) or b"").decode()
            rows.append(StateRow(section.partition, name, cut(payload, value)))
    return rows


class Stage(Protocol):
    """One stage of the flow. All instants are epoch milliseconds."""

    name: str
    sources: tuple[type[Record], ...]
    """Records it consumes as a member of its group: co-partitioned by user."""

    def step(self, incoming: Sequence[Incoming], now: int) -> Sequence[Output]:
        """Fold records in, in offset order per partition; return what follows."""

    def tick(self, now: int) -> Sequence[Output]:
        """Return what time alone brings: closed windows, expiries. Called often."""

    def take_dirty(self) -> list[StateRow]:
        """Return the state changed since the last call, and call it clean."""

    def restore(self, rows: Iterable[StateRow]) -> None:
        """Take state back from the changelog; later rows win."""

    def drop(self, partition: int) -> None:
        """Forget the state of a partition that another worker now owns."""


@runtime_checkable
class ColumnarStage(Protocol):
    """A stage that takes some of its sources as columns, where the volume is."""

    columnar: Mapping[type[Record], tuple[str, ...]]
    """Source -> the fields that it needs of it."""

    def fold(
        self, source: type[Record], partition: int, columns: Columns, now: int
    ) -> Sequence[Output]:
        """Fold columns in, in offset order; odd records come by `Stage.step`."""

    def recall(self, source: type[Record], partition: int, columns: Columns) -> None:
        """See columns again that the restored state includes: their ids are known."""

    def n_recalled(self, source: type[Record]) -> int:
        """Return how many records before a restored position are seen again."""


@runtime_checkable
class WeighingStage(Protocol):
    """A stage that weighs categories: records that name unknown ones are refused."""

    def unknown_categories(self, columns: Columns) -> Sequence[int]:
        """Return the rows of columns of Behavior that name an unknown category."""


@runtime_checkable
class RecallingStage(Protocol):
    """A stage of single records that sees some again which its state includes."""

    def n_recalled(self, source: type[Record]) -> int:
        """Return how many records before a restored position are seen again."""

    def see(self, incoming: Incoming) -> None:
        """See a record again: from now on its id is known."""


@runtime_checkable
class SnapshottedStage(Protocol):
    """A stage whose state can also be kept in a local file."""

    def snapshot_layout(self) -> str:
        """Return what the parts mean; parts of another layout cannot be loaded."""

    def snapshot_converter(self, layout: str) -> Callable[[memoryview], memoryview]:
        """Return what turns parts of another layout into ours; ValueError: nothing."""

    def snapshot_parts(self, partition: int) -> Iterator[bytes]:
        """Yield the state part by part, each as it is when it is asked for.

        The last part begins with the byte W.
        """

    def load_snapshot(self, partition: int, part: memoryview) -> None:
        """Put a part back; ValueError when it does not fit."""

    def adopt(self, partition: int, holder: "SnapshottedStage") -> None:
        """Take a partition over from a stage of the same settings."""

    def drop(self, partition: int) -> None:
        """Forget a partition."""


@runtime_checkable
class CountedStage(Protocol):
    """A stage that says how much state a checkpoint would write now."""

    def n_changed(self) -> int:
        """Return how many rows have changed since the last `take_sections`."""


@runtime_checkable
class SectionedStage(Protocol):
    """A stage that writes and restores its changelog as whole record batches."""

    def take_sections(self) -> list[Section]:
        """Return the state changed since the last call, and call it clean."""

    def restore_payloads(
        self, partition: int, payloads: Sequence[Payload], from_offset: int
    ) -> None:
        """Take state back from changelog batches, in offset order."""

    def restored(self, partition: int, positions: Mapping[type[Record], int]) -> None:
        """End a restore: `positions` are where the sources will be read from."""
