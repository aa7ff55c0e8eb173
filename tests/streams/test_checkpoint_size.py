"""A checkpoint stays small: the engine waits when too much has changed."""

import asyncio

import pytest

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Preference
from schemas.vocabulary import deployed
from streams.engine import checkpoints, engine as engines
from streams.engine.checkpoints import EngineConfig
from streams.engine.transport import Batch
from streams.kafka.connection import Connection
from streams.kafka.fetched import TP
from streams.kafka.wire import Wire
from streams.settings import PreferencesSettings
from streams.stages.preferences.stage import Preferences
from tests.streams.test_snapshots import START, events

NOTHING_NEW = Batch((), generation=0)


class SlowGroup:
    """A group whose commits take until it is let go."""

    generation = 0

    def __init__(self):
        self.n_commits = 0
        self.go = asyncio.Event()

    async def committed(self, partitions):
        return dict.fromkeys(partitions, -2)

    async def commit_offsets(self, offsets):
        assert offsets
        self.n_commits += 1
        await self.go.wait()
        return True


async def written(*_):
    """No broker here: the group alone decides how long a checkpoint takes."""


@pytest.fixture
def group():
    return SlowGroup()


@pytest.fixture
def engine(group, monkeypatch):
    monkeypatch.setattr(engines, "MAX_CHANGED", 50)
    stage = Preferences(
        PreferencesSettings(), deployed(), Codec(Preference, LockedIds())
    )
    monkeypatch.setattr(checkpoints.Checkpoints, "_write_sections", written)
    config = EngineConfig(
        changelog="ads.preference.v1",
        is_output=True,
        checkpoint_s=1_000.0,
        connection=Connection(""),
    )
    made = engines.Engine(stage, Wire(LockedIds()), None, group, config)
    made._positions = {TP("ads.behavior.v1", 0): 1}
    return made


async def soon():
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_checkpoint_is_written_when_enough_has_changed(engine, group):
    engine.stage.step(list(events(0, 49)), START)
    await engine.on_batch(NOTHING_NEW)
    await soon()
    assert group.n_commits == 0
    engine.stage.step(list(events(49, 1)), START)
    await engine.on_batch(NOTHING_NEW)
    await soon()
    assert group.n_commits == 1
    assert engine.stage.n_changed() == 0


async def test_more_is_folded_only_when_the_last_checkpoint_is_written(engine, group):
    engine.stage.step(list(events(0, 50)), START)
    await engine.on_batch(NOTHING_NEW)
    engine.stage.step(list(events(50, 49)), START)
    await engine.on_batch(NOTHING_NEW)  # there is room for them
    engine.stage.step(list(events(99, 1)), START)
    waiting = asyncio.create_task(engine.on_batch(NOTHING_NEW))
    await soon()
    assert group.n_commits == 1
    assert not waiting.done()
    group.go.set()
    await waiting
    await soon()
    assert group.n_commits == 2
