"""Everything that a topic can bring, in one run of a real worker that is killed once.

All compressions, a committed and an aborted transaction, duplicates, permuted times,
poison, an older and a newer writer schema; `kill -9`; another worker, with the other
kernels, goes on. What it wrote is held against a model that knows none of its code.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time

import pytest

from schemas.avro import schema_of
from schemas.records import Behavior, Preference
from schemas.registry import RegistryIds
from schemas.registry_client import RegistryClient
from streams.batch.changelog import read_to_end
from streams.errors import StateError
from tests.schemas.registry_server import serve
from tests.streams.hostile_records import generator
from tests.streams.preference_model import differing, people
from tests.streams.preference_world import (
    N_PARTITIONS,
    USERS,
    World,
    admitted,
    dead_letters,
    latest,
    of_other_writers,
)
from tests.streams.writer_schemas import newer, older

CODECS = (None, "gzip", "snappy", "lz4", "zstd")


@pytest.fixture
def world(broker, topic_prefix):
    from streams.settings import KafkaSettings  # noqa: PLC0415 - with the next one
    from streams.topic_admin import create_topics  # noqa: PLC0415 - warns on import

    create_topics(
        broker, KafkaSettings(topic_prefix=topic_prefix, partitions=N_PARTITIONS)
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
def start_worker(tmp_path):
    """A function that starts `adloom worker preferences`; all are killed at the end."""
    running = []

    def start(world, kernels):
        with (tmp_path / "worker.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "streams", "worker", "preferences"],
                env={
                    **os.environ,
                    "KAFKA_BOOTSTRAP_SERVERS": world.bootstrap,
                    "SCHEMA_REGISTRY_URL": world.registry,
                    "ADLOOM_KAFKA__TOPIC_PREFIX": world.prefix,
                    "ADLOOM_KAFKA__PARTITIONS": str(N_PARTITIONS),
                    "ADLOOM_KAFKA__SESSION_TIMEOUT_S": "6",
                    "ADLOOM_LOCAL__FOLDER": str(tmp_path),
                    "ADLOOM_PREFERENCES__SNAPSHOT_S": "0",
                    "ADLOOM_PREFERENCES__KERNELS": kernels,
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
    sys.stdout.write((tmp_path / "worker.log").read_text()[-20_000:])


async def wait_until(condition, limit_s=40.0):
    deadline = time.monotonic() + limit_s
    while not await condition():
        assert time.monotonic() < deadline, "not reached in time"
        await asyncio.sleep(0.2)


@pytest.mark.parametrize("kernels", [("auto", "python"), ("python", "auto")])
async def test_whatever_a_topic_brings_the_state_is_what_the_log_says(
    world, start_worker, kernels, request
):
    is_kafka = "kafka" in request.node.callspec.params["broker"]
    first = start_worker(world, kernels[0])
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
    second = start_worker(world, kernels[1])
    await world.produce(world.framed(world.new_events(100) + sent[:20]))
    await wait_until(world.all_committed)
    second.terminate()
    assert second.wait(20) == 0

    expected = people(await admitted(world))
    assert len(expected) == len(USERS)
    assert differing(await latest(world), expected) == []
    letters, count = await dead_letters(world)
    assert letters == world.poison
    assert {count[place] for place in early} == {1}


async def test_a_changelog_that_never_answers_is_named_when_the_time_is_over(world):
    connection = {"bootstrap_servers": world.bootstrap}
    topic = f"{world.prefix}ads.preference.v1"
    with pytest.raises(StateError, match=rf"within 1 s: {topic}-7; check") as raised:
        async for _ in read_to_end(connection, topic, [7], 1):
            pass
    assert "its leader answers" in str(raised.value)
