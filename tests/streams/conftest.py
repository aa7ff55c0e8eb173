"""Topics of a test's own, a way to read them, and stages and workers that use them."""

import asyncio
import os
import subprocess
import sys

import pytest
from aiokafka import AIOKafkaConsumer

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Preference
from schemas.vocabulary import deployed
from streams.kafka.connection import Connection
from streams.settings import KafkaSettings, PreferencesSettings
from streams.stages.preferences.stage import preferences


@pytest.fixture
def new_preferences():
    """A function that makes the stage."""
    codec = Codec(Preference, LockedIds())
    settings = PreferencesSettings(duplicate_window=1_000)
    return lambda: preferences(settings, deployed(), codec)


@pytest.fixture
def make_topics(topic_prefix):
    """A function that makes every topic on a broker and returns their prefix."""

    def make(bootstrap):
        # Imported late: tests/conftest.py first allows what kafka-python warns of.
        from streams.kafka.topic_admin import create_topics  # noqa: PLC0415

        create_topics(
            Connection(bootstrap),
            KafkaSettings(topic_prefix=topic_prefix, partitions=2),
        )
        return topic_prefix

    return make


@pytest.fixture
def read_topic():
    """A function that reads the first n records of a topic."""

    async def read(bootstrap, topic, n, timeout_s=60.0):
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

    async def wait(condition, timeout_s=60.0):
        for _ in range(int(timeout_s / 0.02)):
            if condition():
                return
            await asyncio.sleep(0.02)
        pytest.fail(f"still not so after {timeout_s} s")

    return wait


@pytest.fixture
def start_worker(tmp_path):
    """A function that starts `adloom worker STAGE`; all are killed at the end."""
    running = []

    def start(stage, bootstrap, prefix, n_partitions, **environment):
        with (tmp_path / "worker.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "streams", "worker", stage],
                env={
                    **os.environ,
                    "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
                    "ADLOOM_KAFKA__TOPIC_PREFIX": prefix,
                    "ADLOOM_KAFKA__PARTITIONS": str(n_partitions),
                    "ADLOOM_KAFKA__SESSION_TIMEOUT_S": "6",
                    "ADLOOM_LOCAL__FOLDER": str(tmp_path),
                    **environment,
                },
                stdout=log,
                stderr=log,
            )
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.wait()
    log = tmp_path / "worker.log"
    sys.stdout.write(log.read_text()[-20_000:] if log.exists() else "")
