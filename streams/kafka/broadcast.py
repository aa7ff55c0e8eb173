"""A small topic -> every worker: read whole and without a group, then followed."""

from collections.abc import AsyncIterator
from typing import Any

import aiokafka
from aiokafka.structs import TopicPartition


async def follow(
    connection: dict[str, Any], topic: str, partition: int = 0
) -> AsyncIterator[list[aiokafka.ConsumerRecord]]:
    """Yield the records of one partition from its beginning, for ever, in fetches."""
    consumer = aiokafka.AIOKafkaConsumer(
        **connection,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=250,
    )
    tp = TopicPartition(topic, partition)
    consumer.assign([tp])
    await consumer.start()
    try:
        while True:
            fetched = await consumer.getmany(tp, timeout_ms=500)
            if records := fetched.get(tp):
                yield records
    finally:
        await consumer.stop()
