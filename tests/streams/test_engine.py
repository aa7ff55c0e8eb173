"""A real worker on a real broker: kills, rebalances and poison lose nothing."""

import asyncio
import signal
import time

import numpy as np
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Behavior, Preference
from schemas.vocabulary import deployed
from streams.engine.stage import Incoming
from streams.kafka.connection import Connection
from streams.kafka.log_reader import read_to_end
from streams.settings import KafkaSettings, PreferencesSettings
from streams.stages.preferences.stage import preferences

BEHAVIOR = Codec(Behavior, LockedIds())
PREFERENCE = Codec(Preference, LockedIds())
N_PARTITIONS = 2


@pytest.fixture
def start(broker, prefix, start_worker):
    """A function that starts a preferences worker."""
    settings = {"ADLOOM_PREFERENCES__SNAPSHOT_S": "0.5"}
    return lambda: start_worker("preferences", broker, prefix, N_PARTITIONS, **settings)


@pytest.fixture
def prefix(broker, topic_prefix):
    from streams.kafka.topic_admin import create_topics  # noqa: PLC0415 - warns on import

    create_topics(
        Connection(broker),
        KafkaSettings(topic_prefix=topic_prefix, partitions=N_PARTITIONS),
    )
    return topic_prefix


def event(number):
    rng = np.random.default_rng(number)
    return Behavior(
        event_id=f"e{number}",
        user_id=f"u{rng.integers(40)}",
        kind=str(rng.choice(["view", "click", "impression", "dismiss"])),
        occurred_at=int(time.time() * 1000) - int(rng.integers(3_600_000)),
        category=str(rng.choice(["running", "coffee", "books"])),
        consent=True,
    )


async def produce(bootstrap, prefix, messages):
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    try:
        sent = [
            await producer.send(f"{prefix}ads.behavior.v1", key=key, value=value)
            for key, value in messages
        ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


def framed(numbers):
    events = [event(number) for number in numbers]
    return [(each.user_id.encode(), BEHAVIOR.encode(each)) for each in events]


async def log_of(bootstrap, topic):
    connection = Connection(bootstrap)
    return [r async for r in read_to_end(connection, topic, range(N_PARTITIONS))]


async def recomputed(bootstrap, prefix):
    """The preferences that the log says, folded by the pure core in one go."""
    stage = preferences(PreferencesSettings(), deployed(), PREFERENCE)
    for record in await log_of(bootstrap, f"{prefix}ads.behavior.v1"):
        try:
            value = BEHAVIOR.decode(record.value or b"")
        except ValueError:
            continue
        key = record.key.decode()
        if key == value.user_id:
            incoming = Incoming(Behavior, key, value, record.partition, record.offset)
            stage.step([incoming], 0)
    return {row.key: PREFERENCE.decode(row.value) for row in stage.take_dirty()}


async def latest(bootstrap, prefix):
    records = await log_of(bootstrap, f"{prefix}ads.preference.v1")
    return {r.key.decode(): PREFERENCE.decode(r.value) for r in records}


async def committed(bootstrap, prefix):
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=f"{prefix}adloom-preferences-v1"
    )
    await consumer.start()
    try:
        partitions = [
            TopicPartition(f"{prefix}ads.behavior.v1", p) for p in range(N_PARTITIONS)
        ]
        return sum([await consumer.committed(tp) or 0 for tp in partitions])
    finally:
        await consumer.stop()


async def wait_until(condition, limit_s=120.0):
    deadline = time.monotonic() + limit_s
    while not await condition():
        assert time.monotonic() < deadline, "not reached in time"
        await asyncio.sleep(0.2)


def assert_equal(got, expected):
    assert set(got) == set(expected)
    for user, record in expected.items():
        assert got[user].n_events == record.n_events, user
        np.testing.assert_allclose(
            np.frombuffer(got[user].weights, "<f4"),
            np.frombuffer(record.weights, "<f4"),
            rtol=1e-4,
            atol=1e-6,
        )


async def test_kill_9_and_poison_lose_nothing_and_count_nothing_twice(
    broker, prefix, start, tmp_path
):
    poison = [
        (b"u1", b"\0\0\0\0\1cut"),
        (b"u1", b"\0\0\0\xff\xff" + b"x" * 20),
        (b"u1", b"\0" * 300_000),
        (b"someone-else", framed([1])[0][1]),
        (b"u1", None),
    ]
    await produce(broker, prefix, framed(range(500)))
    first = start()

    async def some_committed():
        return await committed(broker, prefix) >= 500

    await wait_until(some_committed)

    async def snapshots_written():
        return len(list(tmp_path.rglob("*.snapshot"))) == N_PARTITIONS

    await wait_until(snapshots_written)
    await produce(broker, prefix, framed(range(500, 900)) + poison)
    await asyncio.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.wait()
    await produce(broker, prefix, framed(range(900, 1_000)))
    second = start()

    async def all_committed():
        return await committed(broker, prefix) == 1_000 + len(poison)

    await wait_until(all_committed)
    second.terminate()
    assert second.wait(20) == 0
    log = (tmp_path / "worker.log").read_text()
    assert '"from_snapshot": [0, 1]' in log

    assert_equal(await latest(broker, prefix), await recomputed(broker, prefix))
    connection = Connection(broker)
    letters = [
        record
        async for record in read_to_end(connection, f"dlq.{prefix}ads.behavior.v1", [0])
    ]
    reasons = {
        (
            dict(letter.headers)["__connect.errors.partition"],
            dict(letter.headers)["__connect.errors.offset"],
        ): (letter.key, letter.value)
        for letter in letters
    }
    assert sorted(reasons.values(), key=str) == sorted(poison, key=str)


async def test_workers_that_come_and_go_lose_no_state(broker, prefix, start, tmp_path):
    async def both_work():
        return (tmp_path / "worker.log").read_text().count("state restored") >= 2

    async def all_committed(n):
        return await committed(broker, prefix) == n

    await produce(broker, prefix, framed(range(300)))
    start()
    await wait_until(lambda: all_committed(300))
    second = start()
    await wait_until(both_work)
    await produce(broker, prefix, framed(range(300, 600)))
    await wait_until(lambda: all_committed(600))
    second.terminate()
    assert second.wait(20) == 0
    await produce(broker, prefix, framed(range(600, 900)))
    await wait_until(lambda: all_committed(900))
    assert_equal(await latest(broker, prefix), await recomputed(broker, prefix))
