"""Connection -> a started producer: acks=all, idempotent where possible.

aiokafka asks for a producer id in the first version of that request, which the local
broker does not answer. The producer then runs without: it still keeps the order of a
partition (one request in flight), and a retried record can only come twice, which every
reader removes by event id.
"""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from aiokafka import AIOKafkaProducer as Producer
from aiokafka.errors import KafkaError, KafkaTimeoutError, UnknownError

from streams.kafka.connection import Connection, explained
from streams.kafka.loop_thread import LoopThread
from streams.kafka.refusals import refusal

__all__ = [
    "BlockingProducer",
    "KafkaError",
    "KafkaTimeoutError",
    "Producer",
    "Sent",
    "start_producer",
]

MAX_BATCH_BYTES = 128 * 1024
MAX_REQUEST_BYTES = 1024 * 1024
ACK_S = 30.0


async def start_producer(
    connection: Connection, *, client_id: str, linger_ms: int = 5
) -> Producer:
    """Return a connected producer; the caller stops it.

    Args:
        connection: how to connect.
        client_id: name in the broker's logs.
        linger_ms: longest wait for more records of a batch.

    Raises:
        UnavailableError: no broker answers.
        ConfigurationError: the brokers refuse this client.
    """
    async with explained(connection):
        try:
            with _without_complaint_about_ids():
                return await _started(connection, client_id, linger_ms, idempotent=True)
        except UnknownError:
            return await _started(connection, client_id, linger_ms, idempotent=False)


async def _started(
    connection: Connection, client_id: str, linger_ms: int, *, idempotent: bool
) -> Producer:
    producer = Producer(
        **connection.arguments,
        client_id=client_id,
        acks="all",
        enable_idempotence=idempotent,
        linger_ms=linger_ms,
        max_batch_size=MAX_BATCH_BYTES,
        max_request_size=MAX_REQUEST_BYTES,
    )
    try:
        await producer.start()
    except BaseException:
        await producer.stop()
        raise
    return producer


@contextmanager
def _without_complaint_about_ids() -> Iterator[None]:
    """Keep the refused request, which is expected, out of the log."""
    log = logging.getLogger("aiokafka.producer.sender")

    def is_news(record: logging.LogRecord) -> bool:
        return "InitProducerIdRequest" not in record.getMessage()

    log.addFilter(is_news)
    try:
        yield
    finally:
        log.removeFilter(is_news)


class Sent(NamedTuple):
    """One record for one topic."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


class BlockingProducer:
    """A producer for callers that are not asynchronous.

    Args:
        connection: how to connect.
        client_id: name in the broker's logs.

    Raises:
        UnavailableError, ConfigurationError: as for `start_producer`.
    """

    def __init__(self, connection: Connection, client_id: str) -> None:
        self._where = connection
        self._thread = LoopThread()
        try:
            self._producer = self._thread.run(
                start_producer(connection, client_id=client_id)
            )
        except BaseException:
            self._thread.close()
            raise

    def send(self, *records: Sent) -> None:
        """Return when all replicas have the records.

        Raises:
            UnavailableError: they did not within half a minute.
            ConfigurationError: this user may not write there.
        """
        self._thread.run(self._send(records))

    async def _send(self, records: Sequence[Sent]) -> None:
        try:
            async with asyncio.timeout(ACK_S):
                acks = [
                    await self._producer.send(
                        one.topic, one.value, one.key, headers=one.headers
                    )
                    for one in records
                ]
                await asyncio.gather(*acks)
        except (KafkaError, OSError, TimeoutError) as error:
            where = f"{self._where.bootstrap}, topic {records[0].topic}"
            raise refusal(error, where, self._where.security) from error

    def close(self) -> None:
        """Disconnect."""
        try:
            self._thread.run(self._producer.stop())
        finally:
            self._thread.close()
