"""Topics -> when each of their records came, seen by a reader beside the workers."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from aiokafka.record.memory_records import MemoryRecords

from streams.kafka.connection import Connection
from streams.kafka.fetched import TP
from streams.kafka.fetcher import Fetcher

_WAIT_S = 0.1


@dataclass
class Arrivals:
    """Raw fetches and when they came."""

    fetched: list[tuple[int, bytes]] = field(default_factory=list)
    """Monotonic ns, record batches."""


async def watch(
    bootstrap: str, topics: Sequence[str], n_partitions: int, seconds: float
) -> list[Arrivals]:
    """Fetch from topics for so many seconds; what is in it is decoded later.

    The broker is asked once for all partitions and answers when there is something: a
    reader that keeps asking would take the processor from those that it watches.
    """
    found = {topic: Arrivals() for topic in topics}
    fetcher = Fetcher(Connection(bootstrap), max_wait_ms=100)
    deadline = time.monotonic() + seconds
    await fetcher.start()
    try:
        partitions = range(n_partitions)
        fetcher.assign({TP(topic, n): 0 for topic in topics for n in partitions})
        while time.monotonic() < deadline:
            for piece in await fetcher.fetch(_WAIT_S):
                came = time.monotonic_ns(), bytes(piece.data)
                found[piece.tp.topic].fetched.append(came)
    finally:
        await fetcher.stop()
    return list(found.values())


def records_of(arrivals: Arrivals) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield (monotonic ns, key, value) of every record but tombstones."""
    for at, payload in arrivals.fetched:
        records = MemoryRecords(payload)
        while (batch := records.next_batch()) is not None:
            if not batch.is_control_batch:
                for record in batch:
                    if record.value is not None:
                        yield at, record.key, record.value
