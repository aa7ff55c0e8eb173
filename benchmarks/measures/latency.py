"""100,000 events a second -> how long until their effect can be read from a topic.

The clock of an event starts when it is due, not when it was sent. A reader beside the
workers takes raw fetches and notes when they came; what is in them is decoded later.
An event's preference is readable with the first record of its user whose `as_of` is not
before the event. A creative is measured from the event that makes its user known.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
from aiokafka.client import AIOKafkaClient

from benchmarks.brokers import ROOT, Broker
from benchmarks.dataset.events import KINDS, Columns, Spec
from benchmarks.dataset.load import produce
from benchmarks.dataset.store import Dataset
from benchmarks.figures import Row, at_most, row
from benchmarks.measures.arrivals import Arrivals, records_of, watch
from benchmarks.measures.model import champion, released
from benchmarks.measures.releases import release_batch
from benchmarks.session import Session, note, resized
from benchmarks.workers import all_ready
from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Preference
from streams import die_with_parent
from streams.settings import PreferencesSettings
from streams.topics import (
    BEHAVIOR,
    CREATIVE,
    CREATIVE_REQUEST,
    MODEL_RELEASE,
    PREFERENCE,
    Topic,
)

RATE = 100_000
SECONDS = 16
WARM_UP_S = 4
"""Not counted: a broker that was just started compiles its code while the first
events arrive, and of a Zipf law's people a fifth are new at once."""

AFTERWARDS_S = 8.0

LOST_MS = 3_600_000.0
"""What counts for an event whose effect never came: an hour, JSON has no infinity."""

PREFERENCE_MS = at_most(300)
CREATIVE_MS = at_most(1_000)

_USER_BYTES = 28
_PARTITIONS = 4


def preference_latency(session: Session) -> Iterator[Row]:
    """Event -> preference."""
    percentiles = []
    for _ in range(session.options.runs):
        with session.topics(_PARTITIONS) as (broker, prefix):
            made, start, (arrivals,) = _play(
                session,
                broker,
                prefix,
                _spec(session),
                ("preferences",),
                (PREFERENCE,),
            )
            delays = _preference_delays(made.events, start, arrivals)
            percentiles.append(_noted("preference readable", delays))
    yield row("event to preference, p50", "ms", [low for low, _ in percentiles])
    p99 = [high for _, high in percentiles]
    yield row("event to preference, p99", "ms", p99, PREFERENCE_MS)


def creative_latency(session: Session) -> Iterator[Row]:
    """Measure the event that makes a new user known -> their first creative."""
    percentiles = []
    stages = ("preferences", "requests", "creatives")
    for _ in range(session.options.runs):
        # Nobody asks for a creative for people who were active last year.
        spec = resized(_spec(session), first_instant=time.time_ns() // 1_000_000)
        with session.topics(_PARTITIONS) as (broker, prefix):
            watched = (CREATIVE_REQUEST, CREATIVE)
            made, start, arrivals = _play(
                session, broker, prefix, spec, stages, watched
            )
            for what, came in zip(("request", "creative"), arrivals, strict=True):
                due, delays = _new_user_delays(made.events, start, came)
                warm = due >= WARM_UP_S * 1000
                _noted(f"{what} on the topic, warm-up", delays[~warm])
                found = _noted(f"{what} on the topic", delays[warm])
            percentiles.append(found)
        shutil.rmtree(made.folder)
    yield row("event to creative, p50", "ms", [low for low, _ in percentiles])
    p99 = [high for _, high in percentiles]
    yield row("event to creative, p99", "ms", p99, CREATIVE_MS)


def _play(
    session: Session,
    broker: Broker,
    prefix: str,
    spec: Spec,
    stages: tuple[str, ...],
    watched: tuple[Topic, ...],
) -> tuple[Dataset, int, list[Arrivals]]:
    made = session.dataset(spec)
    store, version = (
        champion(session.options.folder) if "creatives" in stages else (None, None)
    )
    settings = {
        "ADLOOM_PREFERENCES__FLUSH_MS": str(PreferencesSettings().flush_ms),
        "ADLOOM_MODEL__STORE": str(store),
        # More than a thousand people a second are new here: pictures are made when
        # they are looked at, as such a deployment has to set it.
        "ADLOOM_CREATIVES__ASSETS": "on_demand",
    }
    with ExitStack() as stack:
        if version is not None:
            batch = release_batch(released(version))
            topic = prefix + MODEL_RELEASE.name
            asyncio.run(_send(broker.bootstrap, topic, batch))
        running = all_ready(
            stages, broker.bootstrap, prefix, session.scratch, _PARTITIONS, settings
        )
        stack.enter_context(running)
        start = time.monotonic_ns() + 4_000_000_000
        command = ("-m", "benchmarks.producer", str(made.folder), broker.bootstrap)
        producer = stack.enter_context(
            subprocess.Popen(
                die_with_parent.command(
                    sys.executable, *command, prefix + BEHAVIOR.name, str(start)
                ),
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                text=True,
            )
        )
        seconds = 4.0 + _seconds(made.spec) + AFTERWARDS_S
        names = [prefix + topic.name for topic in watched]
        arrivals = asyncio.run(watch(broker.bootstrap, names, _PARTITIONS, seconds))
        worst, _ = producer.communicate()
        note(f"the producer was {int(worst) / 1e6:.0f} ms late at the most")
    return made, start, arrivals


def _spec(session: Session) -> Spec:
    rate = session.options.scaled(RATE)
    return Spec(
        n_events=rate * SECONDS,
        n_users=session.options.n_users,
        hours=SECONDS / 3600,
        duplicates=0,
        jitter_ms=0,
        records_per_batch=max(1, rate // 400),  # a batch is 10 ms of its partition
    )


def _seconds(spec: Spec) -> float:
    return spec.hours * 3600


async def _send(bootstrap: str, topic: str, batch: bytes) -> None:
    client = AIOKafkaClient(bootstrap_servers=bootstrap)
    await client.bootstrap()
    try:
        await client.add_topic(topic)
        await produce(client, topic, 0, batch)
    finally:
        await client.close()


def _preference_delays(events: Columns, start: int, arrivals: Arrivals) -> np.ndarray:
    """Return ms per event after the warm-up; `LOST_MS` where none came."""
    codec = Codec(Preference, LockedIds())
    numbers = {user.tobytes(): number for number, user in enumerate(events.ids)}
    span = int(events.at.max()) - events.spec.first_instant + 2
    rows = [
        (
            numbers[key],
            codec.decode_fields(value)["as_of"] - events.spec.first_instant,
            at,
        )
        for at, key, value in records_of(arrivals)
    ]
    found = np.array(sorted(rows), np.int64).reshape(-1, 3)
    keys = found[:, 0] * span + found[:, 1]
    due = events.at - events.spec.first_instant
    place = np.searchsorted(keys, events.user * span + due)
    place = np.minimum(place, len(keys) - 1)
    is_there = (found[place, 0] == events.user) & (found[place, 1] >= due)
    delays = (found[place, 2] - start) / 1e6 - due
    delays = np.where(is_there, delays, LOST_MS)
    return delays[due >= WARM_UP_S * 1000]


def _new_user_delays(
    events: Columns, start: int, arrivals: Arrivals
) -> tuple[np.ndarray, np.ndarray]:
    """Return when each user became known and how long it took then, both in ms.

    A user is known with their first search, click or conversion: worth a click, which
    is what the requests stage waits for. Users who dismissed something are left out,
    and those whose request three views had brought before.
    """
    known = _known_at(events)
    delays: dict[bytes, float] = {}
    for at, key, _ in records_of(arrivals):
        user = key[:_USER_BYTES]
        if user in known:
            delays.setdefault(user, (at - start) / 1e6 - known[user])
    counted = [
        (at, delays.get(user, LOST_MS))
        for user, at in known.items()
        if delays.get(user, 0.0) >= 0
    ]
    due, found = np.array(counted, np.float64).reshape(-1, 2).T
    n_missing = int((found == LOST_MS).sum())
    note(f"{n_missing:,} of {len(counted):,} new users got none")
    return due, found


def _known_at(events: Columns) -> dict[bytes, int]:
    """Return ms after the start at which each user's first strong event is due."""
    strong = [KINDS.index(kind) for kind in ("search", "click", "conversion")]
    dismissed = np.unique(events.user[events.kind == KINDS.index("dismiss")])
    rows = np.flatnonzero(np.isin(events.kind, strong))
    users, first = np.unique(events.user[rows], return_index=True)
    kept = ~np.isin(users, dismissed)
    due = events.at[rows[first]] - events.spec.first_instant
    return {
        events.ids[user].tobytes(): at
        for user, at in zip(users[kept].tolist(), due[kept].tolist(), strict=True)
    }


def _noted(what: str, delays: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(delays, [50, 99], method="higher").tolist()
    note(f"{what}: p50 {low:.0f} ms, p99 {high:.0f} ms of {len(delays):,}")
    return low, high
