"""Record batches for tests of raw fetching: made by one client, read by another."""

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.record import MemoryRecords


async def create_topic(bootstrap, topic, n_partitions=1, replication=1):
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, n_partitions, replication)])
    finally:
        await admin.close()


async def produce(bootstrap, topic, partition, values, **options):
    """Send values, one batch for each group of them."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        max_batch_size=2_000_000,
        max_request_size=4_000_000,
        **options,
    )
    await producer.start()
    try:
        for group in values:
            batch = producer.create_batch()
            for value in group:
                assert batch.append(key=None, value=value, timestamp=None)
            sent = await producer.send_batch(batch, topic, partition=partition)
            await sent
    finally:
        await producer.stop()


def numbers(n_batches, n_records, n_bytes=8):
    return [
        [(i * n_records + j).to_bytes(n_bytes, "big") for j in range(n_records)]
        for i in range(n_batches)
    ]


def flat(groups):
    return [value for group in groups for value in group]


def values_of(pieces):
    """Values by partition; only what is at or after the position of its piece."""
    values = {}
    for piece in pieces:
        records = MemoryRecords(bytes(piece.data))
        batch = records.next_batch()
        while batch is not None:
            values.setdefault(piece.tp, []).extend(
                record.value
                for record in batch
                if not batch.is_control_batch and record.offset >= piece.position
            )
            batch = records.next_batch()
    return values
