"""Changelog topic <-> state rows: written at a checkpoint, read back in bulk."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from typing import Any

import aiokafka
from aiokafka.structs import TopicPartition

from streams.errors import StateError


async def read_to_end(
    connection: dict[str, Any],
    topic: str,
    partitions: Iterable[int],
    deadline_s: float = 60.0,
) -> AsyncIterator[aiokafka.ConsumerRecord]:
    """Yield every record that the partitions hold now, oldest first per partition.

    The end is the high watermark of the fetch responses: the local broker's
    ListOffsets is wrong (it answers with the last batch's first offset).

    Args:
        connection: aiokafka's connection arguments.
        topic: topic to read.
        partitions: partitions of it.
        deadline_s: seconds after which reading without reaching the end is an error.

    Raises:
        StateError: the end was not reached in time.
    """
    left = {TopicPartition(topic, partition) for partition in partitions}
    if not left:
        return
    consumer = aiokafka.AIOKafkaConsumer(
        **connection,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=100,
        max_partition_fetch_bytes=8 * 1024 * 1024,
    )
    consumer.assign(left)
    started = time.monotonic()
    await consumer.start()
    try:
        while left:
            if time.monotonic() - started > deadline_s:
                names = ", ".join(f"{tp.topic}-{tp.partition}" for tp in sorted(left))
                raise StateError(
                    f"changelog not read to its end within {deadline_s:g} s: {names}; "
                    "check that the topic exists and its leader answers"
                )
            fetched = await consumer.getmany(*left, timeout_ms=100)
            for records in fetched.values():
                for record in records:
                    yield record
            left -= await _finished(consumer, left)
    finally:
        await consumer.stop()


async def _finished(
    consumer: aiokafka.AIOKafkaConsumer, partitions: Iterable[TopicPartition]
) -> set[TopicPartition]:
    done = set()
    for tp in partitions:
        end = consumer.highwater(tp)
        if end is None:
            continue
        try:
            position = await asyncio.wait_for(consumer.position(tp), timeout=1.0)
        except TimeoutError:
            continue
        if position >= end:
            done.add(tp)
    return done
