"""Everything that a topic can bring, in one run of a real worker that is killed once.

All compressions, a committed and an aborted transaction, duplicates, permuted times,
poison, an older and a newer writer schema; `kill -9`; another worker, with the other
kernels, goes on. What it wrote is held against the reference.
"""

import asyncio
import signal
import time

import pytest

from schemas.avro import schema_of
from schemas.records import Behavior, Preference
from schemas.registry import RegistryIds
from schemas.registry_client import RegistryClient
from streams.errors import StateError
from streams.kafka.connection import Connection
from streams.kafka.log_reader import read_to_end
from tests.schemas.registry_server import serve
from tests.streams.hostile_records import generator
from tests.streams.preference_world import (
    N_PARTITIONS,
    USERS,
    World,
    admitted,
    dead_letters,
    differing,
    latest,
    of_other_writers,
    recomputed,
)
from tests.streams.writer_schemas import newer, older

CODECS = (None, "gzip", "snappy", "lz4", "zstd")


@pytest.fixture
def world(broker, topic_prefix):
    from streams.kafka.topic_admin import create_topics  # noqa: PLC0415 - warns on import
    from streams.settings import KafkaSettings  # noqa: PLC0415 - with the next one

    create_topics(
        Connection(broker),
        KafkaSettings(topic_prefix=topic_prefix, partitions=N_PARTITIONS),
    )
    with serve() as registry:
        subjects = {
            record: f"{topic_prefix}{topic}-value"
            for record, topic in (
                (Behavior, "ads.behavior.v1"),
                (Preference, "ads.preference.v1"),
            )
        }
        ids = RegistryIds(RegistryClient(registry.url), subjects)
        ids.id_of(Behavior)  # ours comes first: of later ones it may not be a reader
        writers = {
            name: registry.add(subjects[Behavior], change(schema_of(Behavior)))
            for name, change in (("older", older), ("newer", newer))
        }
        yield World(
            broker, topic_prefix, registry.url, ids, writers, generator(len(broker))
        )


@pytest.fixture
def start(world, start_worker):
    """A function that starts a preferences worker with some kernels."""
    return lambda kernels: start_worker(
        "preferences",
        world.bootstrap,
        world.prefix,
        N_PARTITIONS,
        SCHEMA_REGISTRY_URL=world.registry,
        ADLOOM_PREFERENCES__SNAPSHOT_S="0",
        ADLOOM_PREFERENCES__KERNELS=kernels,
    )


async def wait_until(condition, limit_s=120.0):
    deadline = time.monotonic() + limit_s
    while not await condition():
        assert time.monotonic() < deadline, "not reached in time"
        await asyncio.sleep(0.2)


@pytest.mark.parametrize("kernels", [("auto", "python"), ("python", "auto")])
async def test_whatever_a_topic_brings_the_state_is_what_the_log_says(
    world, start, kernels, request
):
    is_kafka = "kafka" in request.node.callspec.params["broker"]
    first = start(kernels[0])
    sent = world.new_events(40)
    await world.produce(world.framed(sent))
    for compression in CODECS:
        sent += (events := world.new_events(40))
        await world.produce(world.framed(events), compression_type=compression)
    await world.produce(of_other_writers(world))
    if is_kafka:  # the local broker has no transactions
        pairs = world.framed(world.new_events(30))
        await world.produce(pairs, transactional_id=f"{world.prefix}committed")
        await world.abort(world.framed(world.new_events(30)))
    await world.produce(world.framed(world.rng.sample(sent, 60)))
    await world.produce_poison()
    await wait_until(world.all_committed)
    early = set(world.poison)

    more = world.new_events(400)
    await world.produce(world.framed(more[:200]), compression_type="lz4")
    await world.produce(world.framed(more[200:]), compression_type="zstd")
    first.send_signal(signal.SIGKILL)
    first.wait()
    await world.produce(world.framed(world.rng.sample(sent + more, 150)))
    await world.produce_poison()
    second = start(kernels[1])
    await world.produce(world.framed(world.new_events(100) + sent[:20]))
    await wait_until(world.all_committed)
    second.terminate()
    assert second.wait(20) == 0

    expected = recomputed(await admitted(world))
    assert len(expected) == len(USERS)
    assert differing(await latest(world), expected) == []
    letters, count = await dead_letters(world)
    assert letters == world.poison
    assert {count[place] for place in early} == {1}


async def test_a_changelog_that_never_answers_is_named_when_the_time_is_over(world):
    connection = Connection(world.bootstrap)
    topic = f"{world.prefix}ads.preference.v1"
    with pytest.raises(StateError, match=rf"within 1 s: {topic}-7; check") as raised:
        async for _ in read_to_end(connection, topic, [7], 1):
            pass
    assert "its leader answers" in str(raised.value)
