"""Partitions and positions -> records, for a loop that is not asynchronous."""

import asyncio
from collections.abc import Mapping

from streams.kafka.connection import Connection
from streams.kafka.fetch_cluster import EARLIEST
from streams.kafka.fetched import TP
from streams.kafka.fetcher import Fetcher
from streams.kafka.messages import Message
from streams.kafka.record_batches import RecordSet, parse

__all__ = ["EARLIEST", "BlockingReader"]

_MAX_WAIT_MS = 200
"""A broker waits so long for records, and so does what is assigned meanwhile."""


class BlockingReader:
    """A `Fetcher` in an event loop of its own, which runs in `read` only.

    What a broker sends meanwhile waits in the kernel's buffer of the socket.

    Args:
        connection: how to connect.
        max_wait_ms: as for `Fetcher`.

    Raises:
        UnavailableError: none of the brokers answers.
    """

    def __init__(self, connection: Connection, max_wait_ms: int = _MAX_WAIT_MS) -> None:
        self._loop = asyncio.new_event_loop()
        self._fetcher = Fetcher(connection, max_wait_ms=max_wait_ms)
        try:
            self._loop.run_until_complete(self._fetcher.start())
        except BaseException:
            self._loop.close()
            raise

    def partitions_of(self, topic: str) -> list[TP]:
        """Return the partitions of a topic; raises as `Fetcher.partitions_of` does."""
        return self._loop.run_until_complete(self._fetcher.partitions_of(topic))

    def assign(self, positions: Mapping[TP, int]) -> None:
        """Read these partitions from these offsets, and nothing else."""
        self._loop.run_until_complete(self._assign(positions))

    def read(self, timeout_s: float) -> list[tuple[RecordSet, int]]:
        """Return what has come: record sets, and the offset from which each counts.

        Raises:
            CorruptBatchError: a batch fails its checksum.
            StateError: a broker's answer cannot be understood.
        """
        fetched = self._loop.run_until_complete(self._fetcher.fetch(timeout_s))
        return [(parse(one), one.position) for one in fetched]

    def read_messages(self, timeout_s: float) -> list[Message]:
        """Return what has come, record by record; raises as `read` does."""
        fetched = self._loop.run_until_complete(self._fetcher.fetch(timeout_s))
        return [m for one in fetched for m in parse(one).messages(one.position)]

    def position(self, tp: TP) -> int:
        """Return the offset after what was read; -2 while the earliest is sought."""
        return self._fetcher.position(tp)

    def lag(self) -> int:
        """Return records not read yet, as of the last answers; from any thread.

        A partition that has not answered since it was assigned counts as one.
        """
        behind = 0
        for tp in self._fetcher.assignment():
            try:
                mark = self._fetcher.high_watermark(tp)
                position = self._fetcher.position(tp)
            except KeyError:  # assigned to somebody else just now
                continue
            if mark is None:
                behind += 1
            elif position != EARLIEST:
                behind += max(0, mark - position)
        return behind

    def close(self) -> None:
        """Close every connection."""
        self._loop.run_until_complete(self._fetcher.stop())
        self._loop.close()

    async def _assign(self, positions: Mapping[TP, int]) -> None:
        self._fetcher.assign(positions)
