"""What a stage is: records in, records out, state that can be written and restored.

A stage knows nothing of Kafka. The engine (`streams.batch`) feeds it decoded records,
sends what it returns, writes its changed state to its changelog, and restores that
state before the first record of a partition that it gains.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.records import Record


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
    value: Record | None
    partition_key: str | None = None
    """What decides the partition, when that is not the key."""


@dataclass(frozen=True, slots=True)
class StateRow:
    """One key's state for the changelog; None as value deletes it."""

    partition: int
    key: str
    value: bytes | None


class Stage(Protocol):
    """One stage of the flow. All instants are epoch milliseconds."""

    name: str
    sources: tuple[type[Record], ...]
    """Records it consumes as a member of its group: co-partitioned by user."""

    def step(self, incoming: Sequence[Incoming], now: int) -> list[Outgoing]:
        """Fold records in, in offset order per partition; return what follows."""

    def tick(self, now: int) -> list[Outgoing]:
        """Return what time alone brings: closed windows, expiries. Called often."""

    def take_dirty(self) -> list[StateRow]:
        """Return the state changed since the last call, and call it clean."""

    def restore(self, rows: Iterable[StateRow]) -> None:
        """Take state back from the changelog; later rows win."""

    def drop(self, partition: int) -> None:
        """Forget the state of a partition that another worker now owns."""
