"""Encoded records -> Kafka, without making whoever sends them wait.

An ad request must not fail because a broker is away: records wait here, bounded, and
what no longer fits is dropped and counted. Who needs to know that a record is safe
(the door, an erasure) waits for its acknowledgement instead.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import structlog

from streams.ad_server.metrics import AdServerMetrics
from streams.errors import AdloomError, UnavailableError
from streams.kafka.connection import Connection
from streams.kafka.producer import (
    KafkaError,
    KafkaTimeoutError,
    Producer,
    start_producer,
)

LOG = structlog.get_logger(__name__)

MAX_PENDING = 50_000
"""Records that wait for the broker: about 15 MB of impressions."""

STALLED_S = 5.0
"""No acknowledgement for this long while records wait: the broker is away."""

MAX_ATTEMPTS = 5
ACK_S = 10.0
"""Longest wait of `deliver`."""

_DISCONNECT_S = 2.0
_RECONNECT_S = (0.2, 5.0)


@dataclass(slots=True)
class OutboxRecord:
    """One record for one topic; None as value is a tombstone."""

    topic: str
    key: str
    value: bytes | None
    attempts: int = 0
    safe: "asyncio.Future[None] | None" = None


class Outbox:
    """A bounded queue in front of one producer.

    Args:
        connection: how to connect.
        metrics: counts what was sent and what was lost.
        max_pending: records that may wait.
    """

    def __init__(
        self,
        connection: Connection,
        metrics: AdServerMetrics,
        max_pending: int = MAX_PENDING,
    ) -> None:
        self._connection = connection
        self._metrics = metrics
        self._max_pending = max_pending
        self._queue: deque[OutboxRecord] = deque()
        self._filled = asyncio.Event()
        self._n_sent = 0  # given to the producer, not yet acknowledged
        self._waiting_since: float | None = None
        self._producer: Producer | None = None

    async def start(self) -> None:
        """Connect.

        Raises:
            UnavailableError: no broker answers.
        """
        self._producer = await start_producer(
            self._connection, client_id="adloom-ad-server"
        )

    @property
    def n_pending(self) -> int:
        """Records that no broker has acknowledged yet."""
        return len(self._queue) + self._n_sent

    def is_stalled(self) -> bool:
        """Return whether records have waited long without any acknowledgement."""
        since = self._waiting_since
        return since is not None and time.monotonic() - since > STALLED_S

    def post(self, message: OutboxRecord) -> bool:
        """Take a record to send soon; return False, and count it, when it is full."""
        if self.n_pending >= self._max_pending:
            self._metrics.records.labels(message.topic, "dropped").inc()
            return False
        if self._waiting_since is None:
            self._waiting_since = time.monotonic()
        self._queue.append(message)
        self._filled.set()
        return True

    async def deliver(self, messages: Iterable[OutboxRecord]) -> None:
        """Send records and return when every one of them is acknowledged.

        Raises:
            UnavailableError: not within ten seconds; some may still arrive, so
                sending the same ids again is right.
        """
        waiting: list[asyncio.Future[None]] = []
        for message in messages:
            message.safe = asyncio.get_running_loop().create_future()
            if not self.post(message):
                message.safe.set_exception(ConnectionError("the outbox is full"))
            waiting.append(message.safe)
        try:
            async with asyncio.timeout(ACK_S):
                outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        except TimeoutError as error:
            raise _not_stored(len(waiting)) from error
        if any(outcomes):
            raise _not_stored(len(waiting))

    async def run(self) -> None:
        """Send what is posted, until cancelled."""
        while True:
            if not self._queue:
                self._filled.clear()
                await self._filled.wait()
            await self._send(self._queue.popleft())

    async def stop(self, within_s: float = 5.0) -> None:
        """Send what still waits, then disconnect; count what stays behind as lost."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within_s
        while self.n_pending and loop.time() < deadline:
            if not self._queue:
                await asyncio.sleep(0.01)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(deadline):
                    await self._send(self._queue.popleft())
        for message in self._queue:
            self._lose(message, "the server stopped")
        self._queue.clear()
        await self._disconnect()
        if self._n_sent:
            LOG.error("records_not_acknowledged", n_records=self._n_sent)

    async def _send(self, message: OutboxRecord) -> None:
        """Give a record to the producer; cancelled, it goes back into the queue."""
        message.attempts += 1
        self._n_sent += 1
        try:
            producer = self._producer or await self._reconnected()
            ack = await producer.send(
                message.topic, message.value, message.key.encode()
            )
        except KafkaError as error:
            self._n_sent -= 1
            self._again(message, error)
            if not isinstance(error, KafkaTimeoutError):
                await self._disconnect()
        except asyncio.CancelledError:
            self._n_sent -= 1
            self._queue.appendleft(message)
            raise
        else:
            ack.add_done_callback(partial(self._settle, message))

    def _settle(self, message: OutboxRecord, ack: "asyncio.Future[object]") -> None:
        self._n_sent -= 1
        error = None if ack.cancelled() else ack.exception()
        if ack.cancelled() or error is not None:
            self._again(message, error)
            return
        self._waiting_since = time.monotonic() if self.n_pending else None
        self._metrics.records.labels(message.topic, "sent").inc()
        if message.safe is not None and not message.safe.done():
            message.safe.set_result(None)

    def _again(self, message: OutboxRecord, error: BaseException | None) -> None:
        retriable = isinstance(error, KafkaTimeoutError) or getattr(
            error, "retriable", True
        )
        if retriable and message.attempts < MAX_ATTEMPTS:
            self._queue.appendleft(message)
            self._filled.set()
        else:
            self._lose(message, repr(error))

    def _lose(self, message: OutboxRecord, reason: str) -> None:
        self._metrics.records.labels(message.topic, "lost").inc()
        LOG.error("record_lost", topic=message.topic, reason=reason)
        if not self.n_pending:
            self._waiting_since = None
        if message.safe is not None and not message.safe.done():
            message.safe.set_exception(ConnectionError(reason))

    async def _reconnected(self) -> Producer:
        pause, longest = _RECONNECT_S
        while self._producer is None:
            try:
                await self.start()
            except AdloomError as error:
                LOG.warning("broker_away", reason=str(error))
                await asyncio.sleep(pause)
                pause = min(longest, 2 * pause)
        return self._producer

    async def _disconnect(self) -> None:
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            async with asyncio.timeout(_DISCONNECT_S):
                await producer.stop()
        except (TimeoutError, KafkaError) as error:
            LOG.warning("producer_not_stopped", reason=repr(error))


def _not_stored(n: int) -> UnavailableError:
    return UnavailableError(
        f"the broker did not acknowledge {n} records: send the same request again"
    )
