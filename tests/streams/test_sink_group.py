"""Membership of the sink's group when partitions are added."""

import asyncio
import time

import pytest
from kafka.admin import KafkaAdminClient

from streams.sink.group import Group
from tests.streams.raw_records import create_topic

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:kafka")


def settle(group, timeout_s=60.0):
    deadline = time.monotonic() + timeout_s
    while not group.poll():
        assert time.monotonic() < deadline, "the group was not dealt"
        time.sleep(0.01)


def test_a_rejoin_that_outlasts_its_poll_is_ended(kafka_broker, topic_prefix):
    topic = f"{topic_prefix}t"
    asyncio.run(create_topic(kafka_broker, topic, 2))
    group = Group([kafka_broker], f"{topic_prefix}g", "test", [topic], 6.0)
    try:
        settle(group)
        assert len(group.positions()) == 2
        admin = KafkaAdminClient(bootstrap_servers=kafka_broker)
        admin.create_partitions({topic: 3})
        admin.close()
        while len(group._consumer.partitions_for_topic(topic)) < 3:
            group._consumer.topics()
        assert not group.poll()  # takes no time, so it ends before the broker answers
        time.sleep(1.0)
        settle(group)
        assert len(group.positions()) == 3
    finally:
        group.close()
