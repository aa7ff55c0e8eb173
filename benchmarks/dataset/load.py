"""A dataset -> a topic: whole record batches by raw Produce requests."""

import asyncio
import time
from collections import deque
from collections.abc import Iterator

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.structs import TopicPartition

from benchmarks.dataset.batches import stamped
from benchmarks.dataset.store import Dataset

IN_FLIGHT = 4
_TIMEOUT_MS = 30_000
_ATTEMPTS = 600
_PASSING = {3, 5, 6}
"""Unknown topic, leader not available, not leader: of a topic that was just made."""


def load(made: Dataset, bootstrap: str, topic: str) -> float:
    """Write a dataset to a topic that exists; return the seconds it took.

    Raises:
        RuntimeError: the broker refused a batch.
    """
    started = time.monotonic()
    asyncio.run(_load(made, bootstrap, topic))
    return time.monotonic() - started


async def _load(made: Dataset, bootstrap: str, topic: str) -> None:
    client = AIOKafkaClient(bootstrap_servers=bootstrap)
    await client.bootstrap()
    try:
        await client.add_topic(topic)
        flying: deque[asyncio.Future[None]] = deque()
        for number, (partition, batch) in enumerate(_in_turn(made)):
            # The first batches go one by one: a new topic's leaders may still be shy,
            # and a batch that is tried again must not overtake.
            if len(flying) >= IN_FLIGHT or number < 2 * made.spec.n_partitions:
                await _all(flying)
            sending = produce(client, topic, partition, batch)
            flying.append(asyncio.ensure_future(sending))
        await _all(flying)
    finally:
        await client.close()


async def _all(flying: deque[asyncio.Future[None]]) -> None:
    await asyncio.gather(*flying)
    flying.clear()


async def produce(
    client: AIOKafkaClient, topic: str, partition: int, batch: bytes | memoryview
) -> None:
    """Stamp one batch, send it to its leader and wait for all replicas."""
    payload = stamped(batch, time.time_ns() // 1_000_000)
    request = ProduceRequest(None, -1, _TIMEOUT_MS, [(topic, [(partition, payload)])])
    for _ in range(_ATTEMPTS):
        leader = client.cluster.leader_for_partition(TopicPartition(topic, partition))
        answer = await client.send(leader, request)
        ((_, ((_, error, *_),)),) = answer.topics
        if error == 0:
            return
        if error not in _PASSING:
            break
        await asyncio.sleep(0.1)
        await client.force_metadata_update()
    raise RuntimeError(f"{topic}-{partition}: produce failed, Kafka's error {error}")


def _in_turn(made: Dataset) -> Iterator[tuple[int, memoryview]]:
    """Yield a batch of each partition in turn, as a producer would."""
    logs = {n: made.batches(n) for n in range(made.spec.n_partitions)}
    while logs:
        for number, log in list(logs.items()):
            batch = next(log, None)
            if batch is None:
                del logs[number]
            else:
                yield number, batch
