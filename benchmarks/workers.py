"""A stage and a broker -> the product's own worker, run and watched from outside.

The command is the one that users type, `adloom worker <stage>`; its settings are
environment variables, its progress is its /metrics, its cost is /proc.
"""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from kafka import TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from benchmarks.brokers import ROOT
from benchmarks.dataset.reference import HALF_LIFE_S
from benchmarks.machine import cpu_seconds, resident_bytes
from benchmarks.timing import Sample
from streams.local.ending import end
from streams.local.ports import free_port
from streams.runtime import die_with_parent

CHECKPOINT_MS = 1_000
"""Longest time between checkpoints, for us and for every peer."""

SAMPLE_S = 0.04
LIMIT_S = 900.0
_READY_S = 120.0
_STOP_S = 20.0

PURE_PYTHON = {"ADLOOM_KERNELS": "off"}
"""What makes a worker run the references although the kernels are built."""

_HOST = "127.0.0.1"

_COMMANDS = {name: (name,) for name in ("sink", "learner", "trainer")}
_PROGRESS = {"sink": "adloom_sink_rows_total"}

Ends = dict[tuple[str, int], int]


class Worker:
    """One `adloom worker` process; a context manager.

    Args:
        stage: its name.
        bootstrap: broker.
        prefix: of topics and groups.
        folder: the worker's local data and its log.
        n_partitions: of keyed topics.
        settings: more environment variables.
    """

    def __init__(
        self,
        stage: str,
        bootstrap: str,
        prefix: str,
        folder: Path,
        n_partitions: int = 4,
        settings: dict[str, str] | None = None,
    ) -> None:
        self.group = f"{prefix}adloom-{stage}-v1"
        self._stage = stage
        self._folder = folder
        self._bootstrap = bootstrap
        self._settings = {
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "ADLOOM_KAFKA__TOPIC_PREFIX": prefix,
            "ADLOOM_KAFKA__PARTITIONS": str(n_partitions),
            "ADLOOM_KAFKA__SESSION_TIMEOUT_S": "10",
            "ADLOOM_KAFKA__CHECKPOINT_S": str(CHECKPOINT_MS / 1000),
            "ADLOOM_PREFERENCES__HALF_LIVES_S": f"[{HALF_LIFE_S}]",
            "ADLOOM_PREFERENCES__FLUSH_MS": str(CHECKPOINT_MS),
            "ADLOOM_LOCAL__FOLDER": str(folder),
            **(settings or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0

    def __enter__(self) -> Self:
        self._port = free_port(_HOST)
        hidden = ("ADLOOM_", "KAFKA_", "CLICKHOUSE_", "SCHEMA_REGISTRY_")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(hidden)}
        environment |= self._settings | {
            "ADLOOM_LOCAL__METRICS_PORT": str(self._port),
            "PYTHONPATH": str(ROOT),
        }
        self._folder.mkdir(parents=True, exist_ok=True)
        self.started_at = time.monotonic()
        with (self._folder / "worker.log").open("ab") as log:
            self._process = subprocess.Popen(
                die_with_parent.command(
                    sys.executable,
                    "-m",
                    "streams",
                    *_COMMANDS.get(self._stage, ("worker", self._stage)),
                ),
                cwd=self._folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ask the worker to end, and wait."""
        process, self._process = self._process, None
        if process is not None:
            end([process], _STOP_S)

    def kill(self) -> None:
        """End the worker as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def pid(self) -> int:
        """Return its process id.

        Raises:
            RuntimeError: it has ended; names its log.
        """
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"the worker ended; see {self._folder / 'worker.log'}")
        return self._process.pid

    def cpu(self) -> float:
        """Return CPU seconds used so far."""
        return cpu_seconds([self.pid])

    def resident(self) -> int:
        """Return resident bytes."""
        return resident_bytes(self.pid)

    def metric(self, name: str) -> float:
        """Return the sum of a metric over its labels; 0 before it is served."""
        total = 0.0
        for line in self._get("/metrics").splitlines():
            if line.startswith((f"{name}{{", f"{name} ")):
                total += float(line.rpartition(" ")[2])
        return total

    def sample(self) -> Sample:
        """Return where the worker is."""
        counter = _PROGRESS.get(self._stage, "adloom_stage_records_in_total")
        n = self.metric(counter)
        return Sample(time.monotonic(), n, self.cpu())

    def wait_until_ready(self, limit_s: float = LIMIT_S) -> float:
        """Return the seconds from the process's start until /readyz says yes."""
        deadline = time.monotonic() + limit_s
        while True:
            try:
                self._get("/readyz", refuse=True)
                return time.monotonic() - self.started_at
            except OSError:
                if time.monotonic() > deadline:
                    raise
            _ = self.pid
            time.sleep(0.005)

    def follow(self, ends: Ends, limit_s: float = LIMIT_S) -> list[Sample]:
        """Return samples until everything up to `ends` is committed: durable.

        Raises:
            TimeoutError: it took too long.
            RuntimeError: the worker ended.
        """
        samples: list[Sample] = []
        deadline = time.monotonic() + limit_s
        with Committed(self._bootstrap, self.group) as committed:
            looked_at = 0.0
            while True:
                samples.append(self.sample())
                now = time.monotonic()
                if now - looked_at > 0.2:  # noqa: PLR2004 - a request is not free
                    looked_at = now
                    if committed.reach(ends):
                        samples.append(self.sample())
                        return samples
                if now > deadline:
                    raise TimeoutError(f"{self.group}: {samples[-1].n:,.0f} records in")
                time.sleep(SAMPLE_S)

    def _get(self, path: str, *, refuse: bool = False) -> str:
        url = f"http://{_HOST}:{self._port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                body: bytes = answer.read()
                return body.decode()
        except OSError:
            if refuse:
                raise
            return ""


class Committed:
    """A group's committed offsets, asked for again and again."""

    def __init__(self, bootstrap: str, group: str) -> None:
        self._admin = KafkaAdminClient(bootstrap_servers=bootstrap.split(","))
        self._group = group

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._admin.close()

    def reach(self, ends: Ends) -> bool:
        """Return whether all offsets are at `ends` or beyond."""
        partitions = [TopicPartition(*place) for place in ends]
        try:
            answer = self._admin.list_group_offsets({self._group: partitions})
        except KafkaError:  # a new broker has no coordinator yet
            return False
        found = answer[self._group]
        return all(
            (at := found.get(TopicPartition(*place))) is not None and at.offset >= end
            for place, end in ends.items()
        )


@contextmanager
def all_ready(
    stages: Sequence[str],
    bootstrap: str,
    prefix: str,
    folder_of: Callable[[str], Path],
    n_partitions: int,
    settings: dict[str, str],
) -> Iterator[list[Worker]]:
    """Run a worker of each stage; all are ready when the block begins.

    Args:
        stages: their names.
        bootstrap: broker.
        prefix: of topics and groups.
        folder_of: stage -> its worker's local data and log.
        n_partitions: of keyed topics.
        settings: more environment variables, of every worker.
    """
    with ExitStack() as stack:
        workers = [
            Worker(stage, bootstrap, prefix, folder_of(stage), n_partitions, settings)
            for stage in stages
        ]
        for worker in workers:
            stack.enter_context(worker)
        for worker in workers:
            worker.wait_until_ready(_READY_S)
        yield workers
