"""Child processes of the local stack: started, watched, replaced, stopped.

A child that dies is started again, a few times; one that keeps dying ends the stack
with its last words. Children run in sessions of their own, so that a Ctrl-C reaches
only the supervisor, which stops them in order; they die with it on kill -9.
"""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import structlog

from streams.errors import UnavailableError
from streams.local.ending import end
from streams.runtime import die_with_parent

LOG = structlog.get_logger(__name__)

MAX_RESTARTS = 5
STOP_S = 15.0
PROBE_S = 1.0


@dataclass
class Child:
    """One process of the stack."""

    name: str
    arguments: tuple[str, ...]
    """After `python -m streams`."""
    health_port: int
    """Where /livez, /readyz and /metrics answer."""
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    n_restarts: int = 0


class Supervisor:
    """Runs children until they are stopped, last started first."""

    def __init__(self, logs: Path, environment: Mapping[str, str]) -> None:
        self._logs = logs
        self._environment = environment
        self._children: dict[str, Child] = {}

    def start(self, child: Child) -> None:
        """Start a child; it is watched from now on."""
        self._children[child.name] = child
        self._spawn(child)

    def log_of(self, name: str) -> Path:
        """Return the file that a child's output goes to."""
        return self._logs / f"{name}.log"

    def wait_ready(self, limit_s: float, ended: Event) -> None:
        """Return once every child is ready, or `ended` is set.

        Raises:
            UnavailableError: one of them died for good, or is not ready in time.
        """
        deadline = time.monotonic() + limit_s
        waiting = dict(self._children)
        while waiting and not ended.is_set():
            self.watch()
            for name, child in list(waiting.items()):
                if answers(child.health_port, "/readyz"):
                    del waiting[name]
            if waiting and time.monotonic() > deadline:
                raise UnavailableError(
                    f"not ready within {limit_s:.0f} s: {', '.join(sorted(waiting))}; "
                    f"see {self._logs}"
                )
            ended.wait(0.1)

    def watch(self) -> None:
        """Start again whatever has died since the last call.

        Raises:
            UnavailableError: a child keeps dying.
        """
        for child in self._children.values():
            if child.process is None or child.process.poll() is None:
                continue
            status = child.process.returncode
            child.n_restarts += 1
            if child.n_restarts > MAX_RESTARTS:
                raise UnavailableError(
                    f"{child.name} ended {child.n_restarts} times, last with status "
                    f"{status}: {self._last_line(child.name)}; "
                    f"see {self.log_of(child.name)}"
                )
            LOG.warning("started again", child=child.name, status=status)
            self._spawn(child)

    def stop(self) -> None:
        """Stop all children, last started first; kill those that do not leave."""
        alive = [c.process for c in reversed(self._children.values()) if c.process]
        end(alive, STOP_S)
        self._children.clear()

    def _spawn(self, child: Child) -> None:
        self._logs.mkdir(parents=True, exist_ok=True)
        command = die_with_parent.command(
            sys.executable, "-m", "streams", *child.arguments
        )
        environment = {
            **os.environ,
            **self._environment,
            **child.environment,
            "ADLOOM_LOCAL__METRICS_PORT": str(child.health_port),
            # One thread each: the machine's cores belong to the processes.
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        with self.log_of(child.name).open("ab") as log:
            child.process = subprocess.Popen(  # noqa: S603 - our own module
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )

    def _last_line(self, name: str) -> str:
        text = self.log_of(name).read_text("utf-8", "replace")
        lines = [line for line in text.splitlines() if line.strip()]
        return lines[-1][:500] if lines else "it said nothing"


def answers(port: int, path: str) -> bool:
    """Return True when a server on loopback answers `path` with success."""
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{port}{path}", timeout=PROBE_S
        ) as response:
            return bool(response.status < 300)  # noqa: PLR2004 - HTTP success
    except (urllib.error.URLError, OSError):
        return False
