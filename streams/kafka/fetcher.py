"""Topic partitions and positions -> record batches as the broker stores them.

A Fetch client for whoever decodes batches in bulk. Each leader has a connection of its
own with at most one request in flight; the next one is sent as soon as an answer is
taken, so that the broker reads while the caller decodes. Positions come from the batch
headers. Bytes are copied once, from the kernel to a buffer that the caller's views
share.

What goes wrong on the way to a broker is retried for ever, with a growing pause; what a
retry cannot mend is raised by `fetch`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from streams.errors import StateError
from streams.kafka.connection import Connection
from streams.kafka.fetch_buffers import BufferPool
from streams.kafka.fetch_cluster import EARLIEST
from streams.kafka.fetch_errors import check_retriable, is_out_of_range
from streams.kafka.fetch_leader import Arrival, Leader, LeaderEvents, Partition
from streams.kafka.fetch_protocol import Answer, FetchLimits, complete_batches
from streams.kafka.fetch_repair import Repair
from streams.kafka.fetched import TP, Fetched

MAX_BYTES = 16 * 1024 * 1024
MAX_PARTITION_BYTES = 4 * 1024 * 1024
"""Fastest of 1 to 32 MiB on Apache Kafka: larger ones leave the processor's cache,
smaller ones send a cut-off batch again more often."""

_AFTER_ERROR_S = 1.0


class Fetcher:
    """Fetches the partitions that it is told to, from where it is told to.

    To be used in one event loop, by one task.

    Args:
        connection: how to connect.
        read_committed: records of open transactions are not fetched, and those of
            aborted ones are named (KIP-98).
        max_wait_ms: longest time a broker waits for records; a partition that is
            assigned meanwhile waits as long.
        max_bytes: size of a response; one batch may go beyond.
        max_partition_bytes: share of one partition in it. A batch that does not fit
            the rest of its share is sent again, so it should be several batches.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        read_committed: bool = True,
        max_wait_ms: int = 500,
        max_bytes: int = MAX_BYTES,
        max_partition_bytes: int = MAX_PARTITION_BYTES,
    ) -> None:
        limits = FetchLimits(max_wait_ms, max_bytes, read_committed)
        self._max_partition_bytes = max_partition_bytes
        self._partitions: dict[TP, Partition] = {}
        """In the order of the next request: who was served goes to the end."""
        self._news = asyncio.Event()
        self._error: StateError | None = None
        self._repair = Repair(
            connection,
            limits,
            BufferPool(4 * max_bytes),
            LeaderEvents(self._on_answers, self._on_lost, self._send),
        )
        self._repairing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Find the cluster.

        Raises:
            UnavailableError: none of the bootstrap addresses answers.
        """
        await self._repair.start()
        self._repairing = asyncio.create_task(self._keep_repairing())

    async def stop(self) -> None:
        """Close every connection."""
        if self._repairing is not None:
            self._repairing.cancel()
            await asyncio.wait([self._repairing])
            self._repairing = None
        await self._repair.stop()

    async def partitions_of(self, topic: str) -> list[TP]:
        """Return the partitions of a topic; none when it does not exist.

        Raises:
            StateError: it may not be read.
            KafkaError, OSError, TimeoutError: no broker answers.
        """
        return await self._repair.partitions_of(topic)

    def assign(self, positions: Mapping[TP, int]) -> None:
        """Fetch these partitions from these offsets, and nothing else.

        Args:
            positions: next offset of each partition; -2 is the earliest there is.
        """
        old = self._partitions
        self._partitions = {}
        self._error = None
        for tp, position in positions.items():
            known = old.get(tp) or Partition(tp, position, self._max_partition_bytes)
            self._partitions[tp] = _moved(known, position)
        self._repair.look_at(self._partitions)

    def seek(self, tp: TP, offset: int) -> None:
        """Go on at this offset in an assigned partition; -2 is the earliest.

        Raises:
            KeyError: the partition is not assigned.
        """
        self._partitions[tp] = _moved(self._partitions[tp], offset)
        self._repair.look_at(self._partitions)

    def position(self, tp: TP) -> int:
        """Return the offset after what was fetched; -2 while the earliest is sought.

        Raises:
            KeyError: the partition is not assigned.
        """
        return self._partitions[tp].position

    def high_watermark(self, tp: TP) -> int | None:
        """Return the last known end of a partition; None before its first answer.

        Raises:
            KeyError: the partition is not assigned.
        """
        return self._partitions[tp].high_watermark

    def assignment(self) -> frozenset[TP]:
        """Return what is fetched."""
        return frozenset(self._partitions)

    async def fetch(self, timeout_s: float) -> list[Fetched]:
        """Return what has come, at most one piece of each partition.

        Args:
            timeout_s: seconds to wait for anything to come.

        Returns:
            Pieces with at least one complete batch each; none after the timeout.

        Raises:
            StateError: a broker's answer cannot be understood, or forbids to go on.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while True:
            self._raise_error()
            fetched = self._take()
            self._send()
            if fetched:
                return fetched
            self._news.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._news.wait()
            except TimeoutError:
                return []

    def _raise_error(self) -> None:
        if self._repairing is not None and self._repairing.done():
            self._repairing.result()
        if self._error is not None:
            raise self._error

    def _take(self) -> list[Fetched]:
        """Take what has arrived; positions move only here."""
        fetched = []
        for leader in self._repair.leaders():
            for arrival in leader.take():
                partition = arrival.partition
                if self._is_current(partition):
                    partition.position = arrival.next_offset
                    self._partitions[partition.tp] = self._partitions.pop(partition.tp)
                    fetched.append(arrival.fetched)
        return fetched

    def _is_current(self, partition: Partition) -> bool:
        return self._partitions.get(partition.tp) is partition

    def _send(self) -> None:
        """Send a request to every leader that has none to answer."""
        for leader in self._repair.leaders():
            if leader.is_idle:
                wanted = [
                    partition
                    for partition in self._partitions.values()
                    if partition.leader is leader and partition.is_settled
                ]
                if wanted:
                    leader.send(wanted)

    def _on_answers(
        self, leader: Leader, answers: list[tuple[Partition, Answer]]
    ) -> None:
        current = [each for each in answers if self._is_current(each[0])]
        n_refused = 0
        try:
            for partition, answer in current:
                if answer.error:
                    n_refused += 1
                    self._on_refused(partition, answer.error)
                else:
                    self._on_records(leader, partition, answer)
        except StateError as error:
            self._fail(error)
            return
        if leader.arrivals:
            if _is_everything(leader.arrivals, current):
                leader.pace()
            self._news.set()
        elif current and not n_refused:
            leader.rest_if_hasty()
        self._send()

    def _on_records(self, leader: Leader, partition: Partition, answer: Answer) -> None:
        partition.n_failures = 0
        partition.high_watermark = answer.high_watermark
        batches = complete_batches(answer.records, partition.position)
        # A batch that was cut off at the limit must fit the next answer.
        partition.max_bytes = max(self._max_partition_bytes, batches.n_bytes_needed)
        if batches.next_offset > partition.position:
            piece = Fetched(
                partition.tp,
                answer.records[: batches.n_bytes],
                partition.position,
                answer.high_watermark,
                answer.aborted,
            )
            leader.arrivals.append(Arrival(partition, piece, batches.next_offset))

    def _on_refused(self, partition: Partition, error: int) -> None:
        if is_out_of_range(error):
            partition.out_of_range, partition.position = partition.position, EARLIEST
        else:
            self._repair.failed(partition, check_retriable(partition.tp, error))
        self._repair.look_at(self._partitions)

    def _on_lost(self, leader: Leader, reason: Exception | None) -> None:
        if isinstance(reason, StateError):
            self._fail(reason)
        self._repair.lost(leader, reason or "connection closed by the broker")

    def _fail(self, error: StateError) -> None:
        self._error = error
        self._news.set()

    async def _keep_repairing(self) -> None:
        while True:
            try:
                await self._repair.run(self._send)
            except StateError as error:
                self._fail(error)
                await asyncio.sleep(_AFTER_ERROR_S)  # an assignment may leave it behind


def _is_everything(
    arrivals: Sequence[Arrival], answers: Sequence[tuple[Partition, Answer]]
) -> bool:
    """Return whether the answers reach the end of every log that was asked for."""
    reached = {arrival.partition: arrival.next_offset for arrival in arrivals}
    return all(
        reached.get(partition, partition.position) >= answer.high_watermark
        for partition, answer in answers
    )


def _moved(partition: Partition, position: int) -> Partition:
    """Return the partition elsewhere: what is under way for the old one is void."""
    return replace(partition, position=position, high_watermark=None, out_of_range=None)
