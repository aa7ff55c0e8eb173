"""Topics of a test's own, and a way to read them."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer

from streams.settings import KafkaSettings


@pytest.fixture
def make_topics(topic_prefix):
    """A function that makes every topic on a broker and returns their prefix."""

    def make(bootstrap):
        # Imported late: tests/conftest.py first allows what kafka-python warns of.
        from streams.topic_admin import create_topics  # noqa: PLC0415

        create_topics(bootstrap, KafkaSettings(topic_prefix=topic_prefix, partitions=2))
        return topic_prefix

    return make


@pytest.fixture
def read_topic():
    """A function that reads the first n records of a topic."""

    async def read(bootstrap, topic, n, timeout_s=20.0):
        consumer = AIOKafkaConsumer(
            topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            async with asyncio.timeout(timeout_s):
                return [await consumer.getone() for _ in range(n)]
        finally:
            await consumer.stop()

    return read


@pytest.fixture
def eventually():
    """A function that waits until a condition holds."""

    async def wait(condition, timeout_s=20.0):
        for _ in range(int(timeout_s / 0.02)):
            if condition():
                return
            await asyncio.sleep(0.02)
        pytest.fail(f"still not so after {timeout_s} s")

    return wait
