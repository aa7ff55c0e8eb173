"""A small topic -> every worker: read whole and without a group, then followed."""

from collections.abc import AsyncIterator

from streams.kafka.connection import Connection
from streams.kafka.fetch_cluster import EARLIEST
from streams.kafka.fetched import TP
from streams.kafka.fetcher import Fetcher
from streams.kafka.messages import Message
from streams.kafka.record_batches import parse

_WAIT_S = 0.25


async def follow(
    connection: Connection, topic: str, partition: int = 0
) -> AsyncIterator[list[Message]]:
    """Yield the records of one partition from its beginning, for ever, in fetches."""
    fetcher = Fetcher(connection, max_wait_ms=int(_WAIT_S * 1000))
    await fetcher.start()
    try:
        fetcher.assign({TP(topic, partition): EARLIEST})
        while True:
            for fetched in await fetcher.fetch(2 * _WAIT_S):
                if records := list(parse(fetched).messages(fetched.position)):
                    yield records
    finally:
        await fetcher.stop()
