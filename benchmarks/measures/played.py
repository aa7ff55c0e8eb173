"""A dataset, played at the pace of its event times -> what came on topics, and when.

Workers run before its first event is due. Each second's percentiles are told with who
had the cores meanwhile: a latency that a neighbour spoilt looks different from ours.
"""

import asyncio
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from aiokafka.client import AIOKafkaClient

from benchmarks.brokers import ROOT, Broker
from benchmarks.cores import Cores, told
from benchmarks.dataset.events import Spec
from benchmarks.dataset.load import produce
from benchmarks.dataset.store import Dataset
from benchmarks.measures.arrivals import Arrivals, watch
from benchmarks.measures.model import champion, released
from benchmarks.measures.releases import release_batch
from benchmarks.session import Session, note
from benchmarks.workers import all_ready
from streams.kafka.topics import BEHAVIOR, MODEL_RELEASE, Topic
from streams.runtime import die_with_parent
from streams.settings import PreferencesSettings

WARM_UP_S = 4
"""Not counted: a broker that was just started compiles its code while the first
events arrive, and of a Zipf law's people a fifth are new at once."""

N_PARTITIONS = 4

_BEFORE_S = 4.0
_AFTERWARDS_S = 8.0


@dataclass(frozen=True)
class Played:
    """What came of a dataset that was played to running workers."""

    made: Dataset
    start: int
    """Monotonic ns."""
    arrivals: list[Arrivals]
    """Of each topic that was watched."""
    cores: Cores

    def used(self) -> dict[str, float]:
        """Return who had the cores after the warm-up."""
        return self._between(WARM_UP_S, _seconds(self.made.spec))

    def tell(self, what: str, due: np.ndarray, delays: np.ndarray) -> None:
        """Note the percentiles of each second, and who had the cores in it.

        Args:
            what: came.
            due: ms after the start.
            delays: ms, of the same events.
        """
        for second in range(int(_seconds(self.made.spec))):
            here = due // 1000 == second
            if here.any():
                used = told(self._between(second, second + 1))
                noted(f"second {second:2}: {what}", delays[here], f": {used}")

    def _between(self, start_s: float, end_s: float) -> dict[str, float]:
        instants = [self.start + int(one * 1e9) for one in (start_s, end_s)]
        return self.cores.between(*instants)


def play(
    session: Session,
    broker: Broker,
    prefix: str,
    spec: Spec,
    stages: tuple[str, ...],
    watched: tuple[Topic, ...],
) -> Played:
    """Start workers, play a dataset to them, watch topics.

    Args:
        session: datasets and folders.
        broker: where the topics are.
        prefix: of topics and groups.
        spec: the dataset's.
        stages: one worker each.
        watched: topics.
    """
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
            stages, broker.bootstrap, prefix, session.scratch, N_PARTITIONS, settings
        )
        workers = stack.enter_context(running)
        start = time.monotonic_ns() + int(_BEFORE_S * 1e9)
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
        pids = {"broker": broker.pids, "producer": (producer.pid,)}
        pids |= {stage: (one.pid,) for stage, one in zip(stages, workers, strict=True)}
        cores = Cores(pids | {"reader": (os.getpid(),)})
        names = [prefix + topic.name for topic in watched]
        seconds = _BEFORE_S + _seconds(spec) + _AFTERWARDS_S
        with cores:
            arrivals = asyncio.run(
                watch(broker.bootstrap, names, N_PARTITIONS, seconds)
            )
        worst, _ = producer.communicate()
        note(f"the producer was {int(worst) / 1e6:.0f} ms late at the most")
    return Played(made, start, arrivals, cores)


def noted(what: str, delays: np.ndarray, more: str = "") -> tuple[float, float]:
    """Note and return p50 and p99.

    Args:
        what: came.
        delays: ms.
        more: to note.
    """
    low, high = np.percentile(delays, [50, 99], method="higher").tolist()
    note(f"{what}: p50 {low:.0f} ms, p99 {high:.0f} ms of {len(delays):,}{more}")
    return low, high


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
