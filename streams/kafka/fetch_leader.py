"""Partitions of one leader -> one Fetch in flight, and answers not yet taken."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from streams.errors import StateError, UnavailableError
from streams.kafka.connection import CLIENT_ID, Connection
from streams.kafka.fetch_buffers import BufferPool
from streams.kafka.fetch_cluster import Node
from streams.kafka.fetch_frames import FrameReader, open_frames
from streams.kafka.fetch_protocol import (
    LARGEST_BATCH,
    Answer,
    FetchLimits,
    Wanted,
    fetch_request,
    parse_response,
)
from streams.kafka.fetched import TP, Fetched

_SILENCE_S = 30.0
"""Beyond the longest wait asked for; then the connection is given up."""

_LAST_CORRELATION_ID = 2**31 - 1

PACE_S = 0.01
"""Least time between two requests while all there is has been fetched: a stream of
small batches would otherwise cost a request, and a turn of the worker, for each."""


@dataclass(slots=True, eq=False)
class Partition:
    """Where one partition is read; replaced by another whenever somebody seeks.

    So an answer belongs to the present exactly if its partition is still the one that
    is assigned.
    """

    tp: TP
    position: int
    max_bytes: int
    leader: "Leader | None" = None
    high_watermark: int | None = None
    out_of_range: int | None = None
    """Position that the broker refused, until the earliest is known."""
    is_stale: bool = False
    """Whoever was taken for its leader is not."""
    n_failures: int = 0
    retry_at: float = 0.0

    @property
    def is_settled(self) -> bool:
        """True when it can be fetched."""
        return self.leader is not None and self.position >= 0


@dataclass(frozen=True, slots=True)
class Arrival:
    """Batches that nobody has taken yet."""

    partition: Partition
    fetched: Fetched
    next_offset: int


@dataclass(frozen=True, slots=True)
class LeaderEvents:
    """Who is told of what comes from a leader."""

    on_answers: Callable[["Leader", list[tuple[Partition, Answer]]], None]
    on_lost: Callable[["Leader", Exception | None], None]
    on_rested: Callable[[], None]


class Leader:
    """A connection to one broker."""

    def __init__(self, node: Node, limits: FetchLimits, events: LeaderEvents) -> None:
        self.node = node
        self.arrivals: list[Arrival] = []
        self._limits = limits
        self._events = events
        self._loop = asyncio.get_running_loop()
        self._asked: dict[TP, Partition] = {}
        self._sent_at = 0.0
        self._correlation_id = 0
        self._silence: asyncio.TimerHandle | None = None
        self._rest: asyncio.TimerHandle | None = None

    async def connect(self, connection: Connection, pool: BufferPool) -> Self:
        """Connect; see `open_frames` for what it raises."""
        self._frames = await open_frames(
            self.node.host,
            self.node.port,
            connection,
            lambda opened: FrameReader(
                opened,
                pool,
                self._limits.max_bytes + LARGEST_BATCH,
                self._on_frame,
                self._on_lost,
            ),
        )
        return self

    def close(self) -> None:
        """End the connection; nobody is told of anything any more."""
        for timer in (self._silence, self._rest):
            if timer is not None:
                timer.cancel()
        self._frames.close()

    @property
    def is_idle(self) -> bool:
        """True when a request may be sent."""
        return not (self._asked or self.arrivals or self._rest)

    def send(self, partitions: Sequence[Partition]) -> None:
        """Ask for what comes next in these partitions, the first of them first."""
        self._asked = {partition.tp: partition for partition in partitions}
        self._correlation_id = self._correlation_id % _LAST_CORRELATION_ID + 1
        wanted = [Wanted(p.tp, p.position, p.max_bytes) for p in partitions]
        self._frames.write(
            fetch_request(self._correlation_id, CLIENT_ID, wanted, self._limits)
        )
        self._sent_at = self._loop.time()
        self._watch(self._frames.n_received)

    def take(self) -> list[Arrival]:
        """Return what has arrived, once."""
        arrivals, self.arrivals = self.arrivals, []
        return arrivals

    def rest(self, seconds: float) -> None:
        """Send nothing for a while."""
        if self._rest is not None:
            self._rest.cancel()
        self._rest = self._loop.call_later(seconds, self._rested)

    def rest_if_hasty(self) -> None:
        """Rest when an answer without records came at once, instead of waiting.

        A broker does that when it cannot wait; without a rest both would be kept busy.
        """
        shortest_s = self._limits.max_wait_ms / 1000 / 10
        if self._rest is None and self._loop.time() - self._sent_at < shortest_s:
            self.rest(shortest_s)

    def pace(self) -> None:
        """Rest until the next request is due: the log's end was reached."""
        remaining_s = self._sent_at + PACE_S - self._loop.time()
        if self._rest is None and remaining_s > 0:
            self.rest(remaining_s)

    def _rested(self) -> None:
        self._rest = None
        self._events.on_rested()

    def _watch(self, n_received: int) -> None:
        if self._silence is not None:
            self._silence.cancel()
        patience_s = self._limits.max_wait_ms / 1000 + _SILENCE_S
        self._silence = self._loop.call_later(patience_s, self._check, n_received)

    def _check(self, n_received: int) -> None:
        """Give the connection up when nothing has come since the last look."""
        if not self._asked:
            return
        if self._frames.n_received != n_received:
            self._watch(self._frames.n_received)
            return
        self._on_lost(
            UnavailableError(f"no answer from {self.node.host}:{self.node.port}")
        )

    def _on_lost(self, reason: Exception | None) -> None:
        self.close()
        self._events.on_lost(self, reason)

    def _on_frame(self, frame: memoryview) -> None:
        asked, self._asked = self._asked, {}
        try:
            response = parse_response(frame, self._correlation_id)
            answers = [(_partition_of(a, asked), a) for a in response.answers]
        except StateError as error:
            self._on_lost(error)
            return
        if response.throttle_ms:
            self.rest(response.throttle_ms / 1000)
        self._events.on_answers(self, answers)


def _partition_of(answer: Answer, asked: dict[TP, Partition]) -> Partition:
    """Return the partition that was asked for; each answers once."""
    partition = asked.pop(answer.tp, None)
    if partition is None:
        raise StateError(
            f"Fetch response for {answer.tp.topic}-{answer.tp.partition} came, which "
            "was not asked for; the connection is out of step"
        )
    return partition
