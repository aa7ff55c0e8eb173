"""Feedback -> a posterior in serving, on a real broker; kills and wrong digests."""

import asyncio
import contextlib
import gc
import os
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from kafka import KafkaConsumer, TopicPartition

from model_export.critic import file as critic_file, posterior
from model_export.feedback import dataset
from model_export.feedback.live_critic import LiveCritic
from model_export.space.drawings import bundled
from model_export.store.model_files import CRITIC_STATE, check_files
from model_export.store.registry import Registry, RegistryError
from schemas.records import PosteriorUpdate
from schemas.vocabulary import deployed
from streams.commands.regenerate import model_of
from streams.kafka.schema_ids import wire_of
from streams.kafka.topics import FEEDBACK, POSTERIOR
from streams.rendering.renderer import Renderer
from streams.stages.creatives.arms import Arms
from streams.stages.creatives.messages import CreativeMessages
from streams.stages.creatives.model_follower import ModelFollower
from streams.stages.creatives.picking import Picker
from streams.stages.creatives.regeneration import regenerate
from streams.stages.creatives.stage import Creatives
from tests.model_export.feedback_records import feedback
from tests.streams.learner_world import NAME, PARTITIONS, World
from tests.streams.test_creatives import CODEC, NOW, SETTINGS, ask

N = 600


@pytest.fixture(autouse=True)
def sockets():
    """Let go of sockets that kafka-python closes late: those still connecting."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Return a folder with a champion that was pre-trained in haste."""
    pytest.importorskip("torch", reason="pre-training: extra [train] is missing")
    from model_export.generators import gan  # noqa: PLC0415
    from model_export.jobs import pretrain  # noqa: PLC0415
    from model_export.space import design_space  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gan, "PRETRAIN_STEPS", 20)
        pretrain.pretrain(Registry(str(folder)), NAME, design_space.load(), 0, 1)
    return str(folder)


@pytest.fixture
def world(local_broker, topic_prefix, store):
    return World.on(local_broker, topic_prefix, store, publish_s=0.3)


@pytest.fixture
def files(world):
    return world.registry.read(NAME, 1)


@pytest.fixture
def records(files):
    space = check_files(files).space
    made = feedback_in(space)
    now = time.time_ns() // 1_000_000 - 1_000 * N
    return [
        replace(one, shown_at=now + one.shown_at, decided_at=now + one.decided_at)
        for one in made
    ]


def feedback_in(space):
    """Return feedback on designs of a space whose first palette is liked."""
    travel = feedback(_Travel(space), N, seed=40)
    return [replace(one, user_id=f"person-{row}") for row, one in enumerate(travel)]


class _Travel:
    """A space that has the attributes by which `Truth` judges."""

    def __init__(self, space):
        self._space = space
        first, second, *_ = space.slices.values()
        self.slices = {**space.slices, "palette": first, "cta": second}

    def __getattr__(self, name):
        return getattr(self._space, name)


def knows_at_once(files, records, settings):
    """Return the draws of a critic that read everything without a break."""
    checked = check_files(files)
    live = LiveCritic(
        critic_file.from_bytes(files[CRITIC_STATE], checked.space),
        checked.space,
        checked.card["seed"],
        10**9,
        PARTITIONS,
    )
    wire = wire_of(settings)
    for one in records:
        live.take(one, wire.partition_of(FEEDBACK, one.user_id))
    return live.learnt(exact=True).critic_state.draws(checked.card["seed"])


@contextlib.contextmanager
def learner(world):
    """Run `adloom learner`; it is killed at the end."""
    started = subprocess.Popen(
        [sys.executable, "-m", "streams", "learner"],
        env={**os.environ, **world.environment, "OPENBLAS_NUM_THREADS": "1"},
    )
    try:
        yield started
    finally:
        started.send_signal(signal.SIGKILL)
        started.wait()


def updates(world, until, timeout_s=120.0):
    """Return the updates on the topic once one of them is what is waited for."""
    wire = wire_of(world.settings)
    codec = wire.codec(PosteriorUpdate)
    consumer = KafkaConsumer(
        bootstrap_servers=world.settings.kafka_bootstrap_servers,
        auto_offset_reset="earliest",
        group_id=None,
    )
    consumer.assign([TopicPartition(wire.name(POSTERIOR), 0)])
    found, deadline = [], time.monotonic() + timeout_s
    try:
        while time.monotonic() < deadline:
            for batch in consumer.poll(200).values():
                found += [codec.decode(one.value) for one in batch]
            if any(until(one) for one in found):
                return found
    finally:
        consumer.close()
    return pytest.fail(f"no such update among {found[-3:]}")


def test_a_learner_that_is_killed_knows_the_same_as_one_that_is_not(
    world, files, records
):
    world.send_release(world.champion())
    half = len(records) // 2
    with learner(world) as first:
        world.send_feedback(records[:half])
        before = updates(world, lambda one: one.revision == half)
        assert first.poll() is None
    world.send_feedback(records[half:])
    expected = knows_at_once(files, records, world.settings)
    layout = critic_file.from_bytes(files[CRITIC_STATE], check_files(files).space)
    layout = layout.critic.layout

    def draws_of(update):
        content = world.registry.posterior(NAME, 1, update.sha256)
        return posterior.from_half(content, layout)

    def is_expected(update):
        return update.revision == len(records) and np.allclose(
            draws_of(update), expected, rtol=2e-3, atol=2e-3
        )

    with learner(world):
        after = updates(world, is_expected)
    last = next(one for one in after if is_expected(one))
    assert sum(part.end - part.start for part in last.ranges) == len(records)
    held = dataset.held_out_of(0, [one.user_id for one in records])
    assert last.n_examples + last.n_held == len(records) - int(held.sum())
    assert last.n_clicks > before[-1].n_clicks > 0
    assert last.newest_at == max(one.decided_at for one in records)


@pytest.fixture
async def follower(world):
    """Return a model follower at work, its arms and the world's champion."""
    arms = Arms(0.0)
    follower = ModelFollower(world.settings, arms, bundled())
    tasks = [
        asyncio.create_task(follower.run()),
        asyncio.create_task(follower.run_posteriors()),
    ]
    await asyncio.to_thread(world.send_release, world.champion())
    await asyncio.wait_for(follower.ready.wait(), 40)
    yield arms
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def an_update(world, scale, files):
    """Store a posterior and return its announcement."""
    space = check_files(files).space
    knows = critic_file.from_bytes(files[CRITIC_STATE], space)
    draws = knows.draws(1) + np.float32(scale)
    digest = world.registry.add_posterior(NAME, 1, posterior.to_half(draws))
    release = world.champion()
    return PosteriorUpdate(
        model_name=NAME,
        version=release.version,
        revision=5,
        sha256=digest,
        ranges=(),
        n_examples=5,
        n_clicks=1,
        n_held=0,
        newest_at=NOW,
        made_at=NOW,
    )


async def test_serving_swaps_a_posterior_and_refuses_what_it_cannot_trust(
    world, files, follower, eventually, store
):
    def serves(update):
        return lambda: follower.of(["u"])[0].posterior_sha256 == update.sha256

    good, spoilt, last = (an_update(world, one, files) for one in (0.1, 0.2, 0.3))
    assert follower.of(["u"])[0].posterior_sha256 == ""
    await asyncio.to_thread(world.send_update, good)
    await eventually(serves(good))
    file = Path(store, NAME, "1", "learnt", spoilt.sha256)
    await asyncio.to_thread(file.write_bytes, b"\0\0" * 893 * 32)
    missing = replace(good, sha256="0" * 64)
    hostile = replace(good, sha256="../../../../etc/passwd")
    for wrong in (spoilt, missing, hostile, b"\0", replace(last, model_name="other")):
        await asyncio.to_thread(world.send_update, wrong)
        await asyncio.sleep(0.3)
        assert serves(good)()
    await asyncio.to_thread(world.send_update, last)
    await eventually(serves(last))


async def test_a_creative_is_regenerated_after_its_posterior_was_replaced(
    world, files, follower, eventually
):
    space = follower.of(["u"])[0].model.space
    picker = Picker(SETTINGS, space)
    messages = CreativeMessages(
        CODEC.frame,
        space,
        deployed(),
        Renderer(),
        n_candidates=SETTINGS.candidates,
        with_assets=True,
    )
    stage = Creatives(SETTINGS, deployed(), follower, picker, messages)
    made = {}
    for scale in (None, 0.05, -0.05):
        if scale is not None:
            update = an_update(world, scale, files)
            await asyncio.to_thread(world.send_update, update)
            await eventually(
                lambda sha=update.sha256: follower.of(["u"])[0].posterior_sha256 == sha
            )
        stage._answered.clear()
        for out in stage.step([ask(i) for i in range(20)], NOW):
            creative = CODEC.decode(out.value)
            made[creative.creative_id] = out.value, creative.receipt
    assert len(made) == 60  # another posterior makes another creative of a request
    assert len({receipt.posterior_sha256 for _, receipt in made.values()}) == 3
    for message, receipt in made.values():
        model = model_of(world.registry, receipt)
        creative = CODEC.decode(message)
        again = regenerate(creative, model, picker, Renderer(), deployed())
        assert CODEC.encode(again) == message


def test_posteriors_are_forgotten_after_their_time(world, files):
    update = an_update(world, 0.7, files)
    now = time.time_ns() // 1_000_000
    world.registry.forget_posteriors(NAME, now - 60_000)
    assert world.registry.posterior(NAME, 1, update.sha256)
    assert world.registry.forget_posteriors(NAME, now + 60_000) > 0
    with pytest.raises(RegistryError, match="not in the model store"):
        world.registry.posterior(NAME, 1, update.sha256)
    assert world.registry.versions(NAME) == [1]
