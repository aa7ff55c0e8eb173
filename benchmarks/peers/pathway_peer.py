"""Pathway: decode in one function, sums by user and category in its Rust engine.

Forward decay against a fixed landmark makes the weight of an event a number that is
summed, the cheapest form for an incremental engine; the engine writes the changed sums
as CSV, and the input is persisted every second.
"""

import csv
import threading
import time
from pathlib import Path
from typing import Any

import pathway as pw

from benchmarks.peers.job import READING, Job, Progress

_FLUSH_LIMIT_S = 60.0


def main() -> None:
    """Run until all events are counted and written."""
    job = Job.from_arguments()
    progress = Progress(job.n_events)
    half_life_ms = job.half_life_s * 1000
    landmark = 0

    def decode(message: bytes) -> tuple[str, int, int, float]:
        nonlocal landmark
        event = job.decode(message)
        at = event["occurred_at"]
        landmark = landmark or at
        if progress.n < job.n_events - 1:  # the last one is counted when it is summed
            progress.add()
        amount = job.weights[event["kind"]] * 2.0 ** ((at - landmark) / half_life_ms)
        return event["user_id"], job.columns[event["category"]], at, amount

    messages = pw.io.kafka.read(
        {
            "bootstrap.servers": job.bootstrap,
            "group.id": job.group,
            "auto.offset.reset": "earliest",
            **READING,
        },
        topic=job.topic,
        format="raw",
        autocommit_duration_ms=job.checkpoint_ms,
        name="events",
    )
    fields: Any = pw.apply_with_type(decode, tuple[str, int, int, float], pw.this.data)
    events = messages.select(e=fields).select(
        user=pw.this.e[0], column=pw.this.e[1], at=pw.this.e[2], amount=pw.this.e[3]
    )
    sums = events.groupby(pw.this.user, pw.this.column).reduce(
        pw.this.user,
        pw.this.column,
        as_of=pw.reducers.max(pw.this.at),
        total=pw.reducers.sum(pw.this.amount),
        n=pw.reducers.count(),
    )
    out = job.folder / "sums.csv"
    pw.io.csv.write(sums, str(out))

    def count(key: Any, row: dict[str, Any], time: int, is_addition: bool) -> None:  # noqa: FBT001 - its interface
        del key, time
        if is_addition and row["n"] == job.n_events:
            progress.add(job.n_events - progress.n)
            # Not in the engine's own thread: it has to write on.
            threading.Thread(
                target=_end, args=(job, progress, out, landmark), daemon=True
            ).start()

    pw.io.subscribe(events.reduce(n=pw.reducers.count()), on_change=count)
    backend = pw.persistence.Backend.filesystem(str(job.folder / "persistence"))
    pw.run(
        monitoring_level=pw.MonitoringLevel.NONE,
        persistence_config=pw.persistence.Config(
            backend, snapshot_interval_ms=job.checkpoint_ms
        ),
    )


def _end(job: Job, progress: Progress, out: Path, landmark: int) -> None:
    """Read the output back once all of it is written."""
    deadline = time.monotonic() + _FLUSH_LIMIT_S
    while time.monotonic() < deadline:
        n, as_of, sums = _read_back(out)
        if n == job.n_events:
            half_life_ms = job.half_life_s * 1000
            total = sum(
                amount * 2.0 ** ((landmark - as_of[user]) / half_life_ms)
                for user, amount in sums.items()
            )
            progress.report(n_users=len(as_of), total=total)
        time.sleep(0.2)


def _read_back(out: Path) -> tuple[int, dict[str, int], dict[str, float]]:
    """Return events, newest instant and sum by user, from the stream of changes."""
    latest: dict[tuple[str, str], tuple[int, float, int]] = {}
    with out.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row.get("diff") == "1":
                place = row["user"], row["column"]
                found = int(row["as_of"]), float(row["total"]), int(row["n"])
                if place not in latest or found[2] > latest[place][2]:
                    latest[place] = found
    as_of: dict[str, int] = {}
    sums: dict[str, float] = {}
    n_events = 0
    for (user, _), (at, total, n) in latest.items():
        as_of[user] = max(at, as_of.get(user, 0))
        sums[user] = sums.get(user, 0.0) + total
        n_events += n
    return n_events, as_of, sums


main()
