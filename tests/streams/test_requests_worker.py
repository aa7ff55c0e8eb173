"""A real requests worker on a real broker: kill -9 and nobody is asked for twice."""

import asyncio
import time

import numpy as np
import pytest
from aiokafka import AIOKafkaProducer

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import CreativeRequest, Preference
from schemas.vocabulary import deployed
from streams.kafka.connection import Connection
from streams.kafka.log_reader import read_to_end
from streams.settings import KafkaSettings
from tests.good_records import good

PREFERENCE = Codec(Preference, LockedIds())
REQUEST = Codec(CreativeRequest, LockedIds())
N_PARTITIONS = 2
PEOPLE = [f"u{i}" for i in range(40)]


@pytest.fixture
def prefix(broker, topic_prefix):
    from streams.kafka.topic_admin import create_topics  # noqa: PLC0415 - warns on import

    create_topics(
        Connection(broker),
        KafkaSettings(topic_prefix=topic_prefix, partitions=N_PARTITIONS),
        [f"{topic_prefix}adloom-requests-v1-changelog"],
    )
    return topic_prefix


@pytest.fixture
def start(broker, prefix, start_worker):
    """A function that starts a requests worker."""
    settings = {"ADLOOM_KAFKA__CHECKPOINT_S": "0.3", "ADLOOM_REQUESTS__COOLDOWN_S": "0"}
    return lambda: start_worker("requests", broker, prefix, N_PARTITIONS, **settings)


async def prefer(bootstrap, prefix, liked):
    """Write a Preference of everybody, who all like the same category."""
    weights = np.zeros((2, len(deployed().categories)), np.float32)
    weights[:, liked] = 5
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    try:
        for user in PEOPLE:
            now = int(time.time() * 1000)
            value = good(Preference, user_id=user, as_of=now, weights=weights.tobytes())
            await producer.send(
                f"{prefix}ads.preference.v1",
                key=user.encode(),
                value=PREFERENCE.encode(value),
            )
    finally:
        await producer.stop()


async def log_of(bootstrap, topic):
    connection = Connection(bootstrap)
    return [r async for r in read_to_end(connection, topic, range(N_PARTITIONS))]


async def until(bootstrap, topic, condition, limit_s=120.0):
    """Wait until the records of a topic are as they should be; return them."""
    deadline = time.monotonic() + limit_s
    while not condition(records := await log_of(bootstrap, topic)):
        assert time.monotonic() < deadline, f"not within {limit_s} s: {len(records)}"
        await asyncio.sleep(0.2)
    return records


async def test_after_kill_9_people_are_known_and_asked_for_only_when_they_change(
    broker, prefix, start
):
    asked = f"{prefix}ads.creative-request.v1"
    state = f"{prefix}adloom-requests-v1-changelog"
    worker = start()
    await prefer(broker, prefix, liked=0)
    await until(broker, asked, lambda records: len(records) >= len(PEOPLE))
    await until(
        broker, state, lambda rows: {row.key.decode() for row in rows} == {*PEOPLE}
    )
    worker.kill()
    worker.wait()
    start()
    await prefer(broker, prefix, liked=0)
    await prefer(broker, prefix, liked=7)

    def is_second(records):
        requests = [REQUEST.decode(record.value) for record in records]
        return sum(one.reason == "preference_shift" for one in requests) >= len(PEOPLE)

    records = await until(broker, asked, is_second)
    requests = {
        one.request_id: one for one in (REQUEST.decode(r.value) for r in records)
    }
    found = sorted((one.user_id, one.reason) for one in requests.values())
    reasons = ("new_user", "preference_shift")
    assert found == sorted((user, reason) for user in PEOPLE for reason in reasons)
