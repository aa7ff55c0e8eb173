"""Broker address -> a started aiokafka producer: acks=all, idempotent where possible.

aiokafka asks for a producer id in the first version of that request, which the local
broker does not answer. The producer then runs without: it still keeps the order of a
partition (one request in flight), and a retried record can only come twice, which every
reader removes by event id.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, UnknownError

from streams.errors import UnavailableError

MAX_BATCH_BYTES = 128 * 1024
MAX_REQUEST_BYTES = 1024 * 1024


async def start_producer(
    bootstrap: str, *, client_id: str, linger_ms: int = 5
) -> AIOKafkaProducer:
    """Return a connected producer; the caller stops it.

    Args:
        bootstrap: broker addresses, host:port, separated by commas.
        client_id: name in the broker's logs.
        linger_ms: longest wait for more records of a batch.

    Raises:
        UnavailableError: no broker answers.
    """
    try:
        with _without_complaint_about_ids():
            return await _started(bootstrap, client_id, linger_ms, idempotent=True)
    except UnknownError:
        pass
    except (KafkaError, OSError) as error:
        raise _unreachable(bootstrap) from error
    try:
        return await _started(bootstrap, client_id, linger_ms, idempotent=False)
    except (KafkaError, OSError) as error:
        raise _unreachable(bootstrap) from error


async def _started(
    bootstrap: str, client_id: str, linger_ms: int, *, idempotent: bool
) -> AIOKafkaProducer:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap.split(","),
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


def _unreachable(bootstrap: str) -> UnavailableError:
    return UnavailableError(
        f"no Kafka broker answers at {bootstrap}: start it, "
        "or correct KAFKA_BOOTSTRAP_SERVERS"
    )


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
