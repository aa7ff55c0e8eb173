"""Records sections -> Kafka, through aiokafka's producer, no call per record.

aiokafka keeps what it is good at (leaders, retries, sequence numbers, acks): a sealed
batch is handed to `send_batch` in place of its BatchBuilder. The names of aiokafka that
this stands on are private; tests/streams/test_prebuilt.py holds them.
"""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

import aiokafka
from aiokafka.errors import UnknownTopicOrPartitionError

from streams.errors import ConfigurationError, StateError
from streams.kafka.batch_header import seal, with_producer
from streams.runtime.clock import now_ms

_ALL_REPLICAS = -1


class PrebuiltBatch:
    """A sealed record batch with the interface of aiokafka's BatchBuilder."""

    def __init__(self, batch: bytes, n_records: int) -> None:
        self._batch = batch
        self._n_records = n_records

    def append(self, **record: Any) -> None:
        """Take no record: the answer None means that the batch is full."""

    def close(self) -> None:
        """Close: it always is."""

    def closed(self) -> bool:
        """Return whether no record can be added."""
        return True

    def size(self) -> int:
        """Return the size in bytes."""
        return len(self._batch)

    def record_count(self) -> int:
        """Return how many sequence numbers the batch takes."""
        return self._n_records

    def _set_producer_state(
        self, producer_id: int, producer_epoch: int, base_sequence: int
    ) -> None:
        """Seal again for an idempotent producer; called before the first try only."""
        self._batch = with_producer(
            self._batch, producer_id, producer_epoch, base_sequence
        )

    def _build(self) -> bytes:
        return self._batch


async def send_prebuilt(
    producer: aiokafka.AIOKafkaProducer,
    topic: str,
    partition: int,
    records: bytes | memoryview,
    n_records: int,
    *,
    timestamp_ms: int | None = None,
    compression: str | None = None,
) -> asyncio.Future[Any]:
    """Queue a records section as one batch.

    Waits while another batch of the partition is queued and not yet on its way, so that
    calls made one after the other keep their order.

    Args:
        producer: started, with acks of all replicas, outside of transactions.
        topic: that exists.
        partition: of it.
        records: `n_records` records whose offset deltas are 0, 1, 2 ...; at most the
            topic's max.message.bytes (1 MB by default) when sealed.
        n_records: at least 1.
        timestamp_ms: epoch ms that the timestamp deltas are added to; now by default.
        compression: gzip, snappy, lz4, zstd or None.

    Returns:
        aiokafka's RecordMetadata of the first record, when all replicas have the batch;
        or a KafkaError: MessageSizeTooLargeError, InvalidRecordError ...

    Raises:
        UnknownTopicOrPartitionError: there is no such topic or partition.
        ConfigurationError: the producer does not wait for all replicas.
    """
    _check_acks(producer)
    if partition not in await producer.partitions_for(topic):
        raise UnknownTopicOrPartitionError(f"{topic}-{partition} does not exist")
    now = now_ms() if timestamp_ms is None else timestamp_ms
    batch = seal(records, n_records, base_timestamp=now, compression=compression)
    sent: asyncio.Future[Any] = await producer.send_batch(
        PrebuiltBatch(batch, n_records), topic, partition=partition
    )
    return sent


async def send_in_waves(
    producer: aiokafka.AIOKafkaProducer,
    topic: str,
    sections: Mapping[int, Sequence[tuple[bytes | memoryview, int]]],
    *,
    timestamp_ms: int | None = None,
    compression: str | None = None,
) -> int:
    """Send many records sections; return how many batches all replicas have.

    A wave is one batch of each partition, in one request to each leader; the next is
    sealed when the last is stored. That takes half the CPU of queueing everything at
    once, and no longer: the same memory is written again, fresh pages cost a fault.

    Args:
        producer: as for `send_prebuilt`.
        topic: that exists.
        sections: partition -> (records section, its number of records), in order.
        timestamp_ms: as for `send_prebuilt`.
        compression: as for `send_prebuilt`.

    Raises:
        KafkaError: a batch was refused or not acknowledged; those after it in its
            partition have not been sent, others may be.
        ConfigurationError: the producer does not wait for all replicas.
    """
    n_stored = 0
    for wave in zip_longest(*sections.values()):
        sent = [
            await send_prebuilt(
                producer,
                topic,
                partition,
                *section,
                timestamp_ms=timestamp_ms,
                compression=compression,
            )
            for partition, section in zip(sections, wave, strict=True)
            if section is not None
        ]
        outcomes = await asyncio.gather(*sent, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        n_stored += len(outcomes)
    return n_stored


def aiokafka_producer(producer: Any) -> aiokafka.AIOKafkaProducer:
    """Return what is inside Faust's started producer.

    Raises:
        StateError: this release of Faust keeps it elsewhere.
    """
    if not hasattr(producer, "_ensure_producer"):
        raise StateError(
            "Faust has renamed _ensure_producer: expected the release in "
            "constraints.txt; prebuilt batches cannot be sent"
        )
    return producer._ensure_producer()  # noqa: SLF001 - there is no public way


def _check_acks(producer: aiokafka.AIOKafkaProducer) -> None:
    acks = producer._sender._acks  # noqa: SLF001 - there is no public way
    if acks != _ALL_REPLICAS:
        raise ConfigurationError(
            f"the producer has acks={acks}: expected all replicas (-1), or a batch "
            "that is acknowledged can be lost"
        )
