"""Topics -> when each of their records came, seen by a reader beside the workers."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from aiokafka.client import AIOKafkaClient
from aiokafka.record.memory_records import MemoryRecords

from benchmarks.state import fetch


@dataclass
class Arrivals:
    """Raw fetches and when they came."""

    fetched: list[tuple[int, bytes]] = field(default_factory=list)
    """Monotonic ns, record batches."""


async def watch(
    bootstrap: str, topics: list[str], n_partitions: int, seconds: float
) -> list[Arrivals]:
    """Fetch from topics for so many seconds; what is in it is decoded later."""
    watching = (_watch_one(bootstrap, topic, n_partitions, seconds) for topic in topics)
    return await asyncio.gather(*watching)


async def _watch_one(
    bootstrap: str, topic: str, n_partitions: int, seconds: float
) -> Arrivals:
    client = AIOKafkaClient(bootstrap_servers=bootstrap)
    await client.bootstrap()
    arrivals = Arrivals()
    deadline = time.monotonic() + seconds
    try:
        await client.add_topic(topic)
        # One connection answers in order, so partitions are asked without waiting.
        offsets = dict.fromkeys(range(n_partitions), 0)
        while time.monotonic() < deadline:
            found = False
            for partition, offset in offsets.items():
                _, payload = await fetch(client, topic, partition, offset, wait_ms=0)
                if payload:
                    found = True
                    arrivals.fetched.append((time.monotonic_ns(), payload))
                    offsets[partition] = _next_offset(payload, offset)
            if not found:
                await asyncio.sleep(0.002)
    finally:
        await client.close()
    return arrivals


def _next_offset(payload: bytes, offset: int) -> int:
    records = MemoryRecords(payload)
    while (batch := records.next_batch()) is not None:
        offset = batch.next_offset
    return offset


def records_of(arrivals: Arrivals) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield (monotonic ns, key, value) of every record but tombstones."""
    for at, payload in arrivals.fetched:
        records = MemoryRecords(payload)
        while (batch := records.next_batch()) is not None:
            if not batch.is_control_batch:
                for record in batch:
                    if record.value is not None:
                        yield at, record.key, record.value
