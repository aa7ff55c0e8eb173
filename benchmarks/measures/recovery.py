"""A worker of 1 million users, started again: from the changelog, and its snapshot.

The clock runs from the process's start until /readyz says yes. Then some users get one
more event, and all users on the topic are compared with the whole log's reference: a
worker that had come back empty would write those users wrong.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.dataset.events import Spec, joined
from benchmarks.dataset.load import load
from benchmarks.dataset.store import Dataset
from benchmarks.figures import Row, at_most, row
from benchmarks.measures.ours import require_state
from benchmarks.session import Loaded, Session, note
from benchmarks.workers import Worker

FROM_CHANGELOG = at_most(4.0)
FROM_SNAPSHOT = at_most(1.5)

_N_LATER = 10_000
_SNAPSHOT_LIMIT_S = 60.0


def recovery(session: Session) -> Iterator[Row]:
    """Restart with an empty folder, and with the folder of the worker before."""
    n_users = session.options.scaled(1_000_000)
    first = Spec(n_events=n_users, n_users=n_users, users="each", duplicates=0)
    changelog, snapshot = [], []
    with session.round(first) as loaded:
        folder = session.scratch("first")
        with _worker(loaded, folder) as worker:
            worker.follow(loaded.ends)
        parts = [loaded.dataset]
        kept_folder = session.scratch("kept")
        _write_snapshots(loaded, kept_folder)
        for _ in range(session.options.runs):
            for kept, seconds in ((False, changelog), (True, snapshot)):
                folder = kept_folder if kept else session.scratch("again")
                parts.append(_next(session, parts))
                seconds.append(_restart(loaded, folder, parts))
    yield row(
        f"recovery of {n_users:,} users, changelog", "s", changelog, FROM_CHANGELOG
    )
    yield row(f"recovery of {n_users:,} users, snapshot", "s", snapshot, FROM_SNAPSHOT)


def _worker(
    loaded: Loaded, folder: Path, settings: dict[str, str] | None = None
) -> Worker:
    return Worker(
        "preferences", loaded.bootstrap, loaded.prefix, folder, settings=settings
    )


def _write_snapshots(loaded: Loaded, folder: Path) -> None:
    """Let a worker run until it has a snapshot of every partition."""
    often = {
        "ADLOOM_PREFERENCES__SNAPSHOT_S": "1",
        "ADLOOM_PREFERENCES__FLUSH_MS": "50",
    }
    deadline = time.monotonic() + _SNAPSHOT_LIMIT_S
    with _worker(loaded, folder, often) as worker:
        worker.wait_until_ready()
        while len(list(folder.rglob("*.snapshot"))) < loaded.dataset.spec.n_partitions:
            if time.monotonic() > deadline:
                raise RuntimeError(f"no snapshots in {folder} yet")
            time.sleep(0.1)


def _next(session: Session, parts: list[Dataset]) -> Dataset:
    """Return some more events of the same users."""
    first = parts[0].spec
    done = sum(part.spec.n_events for part in parts)
    hours = first.hours * _N_LATER / first.n_events
    return session.dataset(
        replace(first, n_events=_N_LATER, first_event=done, hours=hours)
    )


def _restart(loaded: Loaded, folder: Path, parts: list[Dataset]) -> float:
    with _worker(loaded, folder) as worker:
        seconds = worker.wait_until_ready()
        load(parts[-1], loaded.bootstrap, loaded.topic)
        ends = np.sum([part.ends for part in parts], axis=0)
        worker.follow({(loaded.topic, n): int(end) for n, end in enumerate(ends)})
    require_state(loaded, joined([part.events for part in parts]))
    note(f"ready after {seconds:.2f} s")
    return seconds
