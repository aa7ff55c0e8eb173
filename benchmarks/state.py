"""ads.preference.v1 -> the state on the broker, compared with the reference.

Nothing of the worker is trusted: the topic is read by raw fetches to its end, the
latest record of each user is decoded, and every weight is compared.
"""

import asyncio
from dataclasses import dataclass

import numpy as np
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from benchmarks.dataset.events import Columns
from benchmarks.dataset.reference import Reference
from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Preference
from schemas.vocabulary import deployed

TOLERANCE = 1e-4
"""Of float32 sums in another order, relative and absolute."""

_BLOCK = 20_000
_FETCH_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Written:
    """What a topic holds."""

    n_records: int
    latest: dict[bytes, bytes | None]
    """Key -> newest value; None is a tombstone."""


@dataclass(frozen=True)
class Check:
    """How the state on the broker compares with the reference."""

    n_users: int
    n_differing: int
    n_unknown: int
    """Users on the topic that no event has."""

    @property
    def is_equal(self) -> bool:
        """True when every user is as expected."""
        return self.n_differing == 0 and self.n_unknown == 0


def check(
    bootstrap: str, topic: str, n_partitions: int, events: Columns, expected: Reference
) -> Check:
    """Compare the preferences on a topic with what they must be."""
    written = read(bootstrap, topic, n_partitions)
    numbers = {user.tobytes(): number for number, user in enumerate(events.ids)}
    known = {
        numbers[key]: value for key, value in written.latest.items() if key in numbers
    }
    wanted = np.flatnonzero(expected.n_events > 0)
    differing = sum(
        _differing(known, wanted[start : start + _BLOCK], expected)
        for start in range(0, len(wanted), _BLOCK)
    )
    return Check(len(wanted), differing, len(written.latest) - len(known))


def _differing(
    known: dict[int, bytes | None], users: np.ndarray, expected: Reference
) -> int:
    codec = Codec(Preference, LockedIds())
    weights = np.full((len(users), len(deployed().categories)), np.nan)
    facts = np.full((len(users), 2), -1, np.int64)
    for row, user in enumerate(users.tolist()):
        value = known.get(user)
        if value is None:
            continue
        found = codec.decode_fields(value)
        weights[row] = np.frombuffer(found["weights"], "<f4")[: weights.shape[1]]
        facts[row] = found["as_of"], found["n_events"]
    close = np.isclose(
        weights, expected.weights(users), rtol=TOLERANCE, atol=TOLERANCE
    ).all(axis=1)
    same = (facts == np.stack([expected.as_of, expected.n_events], axis=1)[users]).all(
        1
    )
    return int((~(close & same)).sum())


def read(
    bootstrap: str, topic: str, n_partitions: int, *, by_value: bool = False
) -> Written:
    """Read a topic from its beginning to its high watermark.

    Args:
        bootstrap: broker.
        topic: to read.
        n_partitions: of the topic.
        by_value: keep every distinct value, not the latest of each key.
    """
    return asyncio.run(_read(bootstrap, topic, n_partitions, by_value=by_value))


async def _read(
    bootstrap: str, topic: str, n_partitions: int, *, by_value: bool
) -> Written:
    client = AIOKafkaClient(bootstrap_servers=bootstrap)
    await client.bootstrap()
    latest: dict[bytes, bytes | None] = {}
    n_records = 0
    try:
        await client.add_topic(topic)
        for partition in range(n_partitions):
            n_records += await _read_partition(
                client, topic, partition, latest, by_value=by_value
            )
    finally:
        await client.close()
    return Written(n_records, latest)


async def _read_partition(
    client: AIOKafkaClient,
    topic: str,
    partition: int,
    latest: dict[bytes, bytes | None],
    *,
    by_value: bool,
) -> int:
    offset, n_records = 0, 0
    while True:
        end, payload = await fetch(client, topic, partition, offset)
        records = MemoryRecords(payload)
        while (batch := records.next_batch()) is not None:
            if batch.is_control_batch:
                offset = batch.next_offset
                continue
            for record in batch:
                if record.offset >= offset:
                    latest[record.value if by_value else record.key] = record.value
                    n_records += 1
            offset = batch.next_offset
        if offset >= end:
            return n_records


async def fetch(
    client: AIOKafkaClient, topic: str, partition: int, offset: int, wait_ms: int = 100
) -> tuple[int, bytes]:
    """Return the high watermark and the record batches from an offset on."""
    leader = client.cluster.leader_for_partition(TopicPartition(topic, partition))
    wanted = [(topic, [(partition, offset, _FETCH_BYTES)])]
    answer = await client.send(
        leader, FetchRequest(wait_ms, 1, _FETCH_BYTES, 0, wanted)
    )
    ((_, ((_, error, end, *_, payload),)),) = answer.topics
    if error:
        raise RuntimeError(f"{topic}-{partition}: fetch failed, error {error}")
    return end, payload
