"""Nothing, or KAFKA_BOOTSTRAP_SERVERS -> a broker whose CPU time can be read.

Apache Kafka is started with the launcher of ../shared/kafka unless the user names a
broker of their own; the local broker is the product's (`streams.local.broker`).
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import UnavailableError
from benchmarks.machine import cpu_seconds
from streams.local.broker import LocalBroker

ROOT = Path(__file__).resolve().parent.parent
LAUNCHER = ROOT.parent / "shared" / "kafka" / "broker"


@dataclass(frozen=True)
class Broker:
    """A broker that answers."""

    name: str
    bootstrap: str
    pids: tuple[int, ...]
    """Its processes; none when it is somebody else's."""

    def cpu(self) -> float:
        """Return CPU seconds used so far; 0 when that is unknown."""
        return cpu_seconds(self.pids)


@contextmanager
def apache_kafka(folder: Path) -> Iterator[Broker]:
    """Yield the user's own broker, or one that lives as long as this block.

    Raises:
        UnavailableError: there is none, and none can be started.
    """
    own = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "")
    if own:
        yield Broker(f"KAFKA_BOOTSTRAP_SERVERS {own}", own, ())
        return
    if not LAUNCHER.exists() or shutil.which("java") is None:
        raise UnavailableError(
            "Apache Kafka: KAFKA_BOOTSTRAP_SERVERS is not set, and there is no "
            f"{LAUNCHER} or no java"
        )
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    owner_script = ROOT / "benchmarks" / "kafka_owner.py"
    with subprocess.Popen(
        [sys.executable, owner_script, LAUNCHER, folder, "--heap", "1g"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for us; the owner sees the pipe close
        text=True,
    ) as owner:
        if owner.stdout is None or not (bootstrap := owner.stdout.readline().strip()):
            raise UnavailableError(f"Apache Kafka did not start; see {folder}")
        pids = tuple(int(path.read_text()) for path in folder.glob("node-*/pid"))
        yield Broker("Apache Kafka", bootstrap, pids)


@contextmanager
def local_broker(folder: Path) -> Iterator[Broker]:
    """Yield the product's local broker, kept in memory.

    Raises:
        streams.errors.UnavailableError: the extra `local` is missing.
    """
    with LocalBroker(folder / "local-broker.log") as started:
        process = started._process  # noqa: SLF001 - nothing else wants its CPU time
        pids = (process.pid,) if process is not None else ()
        yield Broker("local broker", started.bootstrap, pids)
