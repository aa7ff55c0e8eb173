"""Membership of a group when partitions are added."""

import asyncio
import time

import pytest
from kafka.admin import KafkaAdminClient

from streams.kafka.connection import Connection
from streams.kafka.group import Group
from tests.streams.raw_records import create_topic

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:kafka")


def settle(group, timeout_s=60.0):
    deadline = time.monotonic() + timeout_s
    while not group.poll():
        assert time.monotonic() < deadline, "the group was not dealt"
        time.sleep(0.01)


async def seen_anew(group):
    """Ask the broker for its topics now, not when metadata expires."""
    await group._consumer._client.force_metadata_update()


def test_a_member_is_dealt_a_partition_that_is_added(kafka_broker, topic_prefix):
    topic = f"{topic_prefix}t"
    asyncio.run(create_topic(kafka_broker, topic, 2))
    group = Group(Connection(kafka_broker), f"{topic_prefix}g", "test", [topic], 6.0)
    try:
        settle(group)
        assert len(group.positions()) == 2
        admin = KafkaAdminClient(bootstrap_servers=kafka_broker)
        admin.create_partitions({topic: 3})
        admin.close()
        group._thread.run(seen_anew(group))
        settle(group)
        assert len(group.positions()) == 3
    finally:
        group.close()
