"""`adloom bench fine-tune`: what a fine-tune job of 10,000 examples costs on one core.

The trainer's own command (`python -m model_export fine-tune`) reads feedback of the
project's simulated audience from a broker; and the job's function alone, in process.
Clicks are frequent enough here that the generator is tuned, which is the dear part.
"""

import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
from kafka import KafkaProducer

from benchmarks.figures import Row, UnavailableError, at_most, row
from benchmarks.learning.own_world import Own
from benchmarks.measures.model import MODEL, NOW, champion
from benchmarks.session import Session, note
from model_export.jobs import order
from model_export.jobs.order import FeedbackRead
from model_export.space.conditioning import to_bytes
from model_export.space.design_space import load
from model_export.store.registry import Registry
from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Feedback, FineTuneJob, OffsetRange
from streams.kafka.connection import Connection
from streams.kafka.topics import FEEDBACK
from streams.training.feedback import read_ranges

EXAMPLES = 10_000
_RANDOM_CTR = 0.12
_SEED = 311


def fine_tune(session: Session) -> Iterator[Row]:
    """Yield CPU and wall seconds of jobs, and the largest torch - onnxruntime.

    Raises:
        UnavailableError: the extra `train` is missing.
    """
    n = session.options.scaled(EXAMPLES)
    store, version = champion(session.options.folder)
    own = session.scratch("fine-tune") / "models"
    shutil.copytree(store, own)
    registry = Registry(str(own))
    records = feedback(3 * n)
    with session.topics(1, "local") as (broker, prefix):
        topic = prefix + FEEDBACK.name
        _produce(records, broker.bootstrap, topic)
        command = _Command(str(own), broker.bootstrap)
        # The first job also fits the taste model, once in a model's life.
        first = command.run(_job(version.version, topic, 0, n, 0))
        base = int(first["version"])
        runs = [
            command.run(_job(base, topic, n, 2 * n, number + 1))
            for number in range(session.options.runs)
        ]
    _check(runs)
    job = _job(base, topic, n, 2 * n, 100)
    cpu = [
        _in_process(registry, replace(job, job_id=f"job-{100 + i}"), records[n : 2 * n])
        for i in range(session.options.runs)
    ]
    name = f"fine-tune, {n:,} examples"
    yield row(f"{name}: CPU of the job", "s", cpu, at_most(3.0))
    yield row(f"{name}: CPU of the job, to reach", "s", cpu, at_most(1.0))
    for key, words in (
        ("seconds", "wall of the job, in the subprocess"),
        ("cpu", "CPU of the subprocess, imports and reading included"),
        ("wall", "wall of the subprocess, imports and reading included"),
    ):
        yield row(f"{name}: {words}", "s", [run[key] for run in runs], at_most(3.0))
    yield row(
        "fine-tune, a model's first job (fits its taste): CPU of the subprocess",
        "s",
        [first["cpu"]],
    )
    differences = [_parity(registry, int(run["version"])) for run in runs]
    name = "fine-tune: largest |torch - onnxruntime|"
    yield row(name, "of outputs", differences, at_most(1e-5))


def feedback(n: int) -> list[Feedback]:
    """Return what an audience did with random legal designs, as the join writes it."""
    world, rng = Own(_SEED, _RANDOM_CTR), np.random.default_rng(_SEED)
    space = load()
    crowd, vectors = world.visitors(n, rng), space.random(n, rng)
    clicked = world.clicks(crowd, vectors, rng)
    return [
        Feedback(
            feedback_id=f"feedback-{i}",
            impression_id=f"impression-{i}",
            revision=0,
            user_id=f"person-{crowd.hidden[i]}",
            outcome="click" if clicked[i] else "none",
            reward=float(clicked[i]),
            valid=True,
            shown_at=NOW + i,
            decided_at=NOW + i + 1,
            arm="control" if i % 2 else "champion",
            propensity=1 / 16,
            design=design,
            condition=to_bytes(crowd.condition[i]),
        )
        for i, design in enumerate(space.decode(vectors))
    ]


class _Command:
    """The trainer's subprocess."""

    def __init__(self, store: str, bootstrap: str) -> None:
        self._connection = Connection(bootstrap)
        arguments = ("fine-tune", "--store", store)
        self._command = [sys.executable, "-m", "model_export", *arguments]

    def run(self, job: FineTuneJob) -> dict[str, Any]:
        """Return the candidate with the seconds that it took."""
        started, before = time.monotonic(), _children()
        read = read_ranges(self._connection, job.ranges, LockedIds())
        done = subprocess.run(
            self._command,
            input=order.to_text(job, read),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise UnavailableError(f"fine-tune: {done.stderr.strip()[-500:]}")
        wall, cpu = time.monotonic() - started, _children() - before
        return {**json.loads(done.stdout), "wall": wall, "cpu": cpu}


def _produce(records: list[Feedback], bootstrap: str, topic: str) -> None:
    codec = Codec(Feedback, LockedIds())
    with closing(KafkaProducer(bootstrap_servers=bootstrap)) as producer:
        for one in records:
            producer.send(topic, codec.encode(one), partition=0)
        producer.flush()


def _job(base: int, topic: str, start: int, end: int, number: int) -> FineTuneJob:
    return FineTuneJob(
        job_id=f"job-{number}",
        model_name=MODEL,
        base_version=base,
        reason="count",
        ranges=(OffsetRange(topic=topic, partition=0, start=start, end=end),),
        n_examples=end - start,
        seed=number,
        created_at=NOW,
    )


def _check(runs: list[dict[str, Any]]) -> None:
    """Say so when the generator was not tuned: the figure would flatter."""
    for run in runs:
        found = {one["gate"]: one["result"] for one in run["verdicts"]}
        note(f"version {run['version']}: {found}")
        if found["reward_honesty"] != "pass":
            raise UnavailableError("fine-tune: the generator was not tuned")


def _in_process(registry: Registry, job: FineTuneJob, records: list[Feedback]) -> float:
    """Return the CPU seconds of the job's function, on one thread."""
    import torch  # noqa: PLC0415 - slow, and an extra

    from model_export.jobs.fine_tune import fine_tune as tune  # noqa: PLC0415

    torch.set_num_threads(1)
    started = time.process_time()
    tune(registry, job, FeedbackRead(records, 0), NOW)
    return time.process_time() - started


def _parity(registry: Registry, version: int) -> float:
    from model_export.generators import (  # noqa: PLC0415
        checkpoint,
        export as onnx_export,
    )
    from model_export.space.conditioning import random_people  # noqa: PLC0415
    from model_export.store.model_files import check_files  # noqa: PLC0415

    files = registry.read(MODEL, version)
    model = checkpoint.from_files(files, check_files(files).space)
    people = random_people(256, np.random.default_rng(_SEED))
    return onnx_export.parity(model, onnx_export.Served(files), people, _SEED)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
