"""A broker's partition -> what it stores, by single fetch requests."""

from contextlib import asynccontextmanager

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.fetch import FetchRequest

from streams.kafka.fetched import TP, Fetched
from streams.kafka.record_batches import messages, parse

READ_COMMITTED = 1


@asynccontextmanager
async def kafka_client(bootstrap, topic):
    """Yield a connected client that knows the topic's leaders."""
    client = AIOKafkaClient(bootstrap_servers=bootstrap)
    await client.bootstrap()
    try:
        await client.set_topics([topic])
        yield client
    finally:
        await client.close()


async def fetch(client, tp, position, max_bytes=1 << 20):
    """Return one answer to a fetch from `position` on."""
    leader = client.cluster.leader_for_partition(tp)
    request = FetchRequest(
        500,
        1,
        max_bytes,
        READ_COMMITTED,
        [(tp.topic, [(tp.partition, position, max_bytes)])],
    )
    answer = await client.send(leader, request)
    ((_, ((_, error, high_watermark, *rest),)),) = answer.topics
    assert error == 0
    aborted = tuple(rest[-2] or ()) if answer.API_VERSION < 11 else tuple(rest[2] or ())
    return Fetched(tp, rest[-1], position, high_watermark, aborted)


async def read_payloads(bootstrap, topic, partition=0, max_bytes=1 << 20):
    """Return every committed message of a partition, and the fetches that it took."""
    tp, position, found, fetches = TP(topic, partition), 0, [], []
    async with kafka_client(bootstrap, topic) as client:
        while True:
            fetched = await fetch(client, tp, position, max_bytes)
            record_set = parse(fetched)
            for payload in record_set.payloads:
                found += messages(tp, payload, position)
            fetches.append(fetched)
            position = record_set.next_offset
            if position >= record_set.high_watermark:
                return found, fetches


def make_topic(bootstrap, topic, partitions=1, **config):
    """Make a topic; `cleanup_policy="compact"` is cleanup.policy."""
    # Imported late: tests/conftest.py first allows what kafka-python warns of.
    from kafka.admin import KafkaAdminClient, NewTopic  # noqa: PLC0415

    configs = {name.replace("_", "."): value for name, value in config.items()}
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=configs)])
        admin.wait_for_topics([topic])
    finally:
        admin.close()
    return topic


def delete_topic(bootstrap, topic):
    """Delete a topic."""
    from kafka.admin import KafkaAdminClient  # noqa: PLC0415 - as above

    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        admin.delete_topics([topic])
    finally:
        admin.close()
