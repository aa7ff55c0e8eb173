"""Resident memory of a worker that holds 5 million users at 64 categories."""

from collections.abc import Iterator

from benchmarks.dataset.events import Spec
from benchmarks.figures import Row, at_most, row
from benchmarks.measures.ours import run_ours
from benchmarks.session import Session
from benchmarks.workers import Worker

BYTES_A_USER = at_most(400)
GIGABYTES = at_most(3)


def memory(session: Session) -> Iterator[Row]:
    """Give every user one event; subtract what a worker without users needs."""
    n_users = session.options.scaled(5_000_000)
    spec = Spec(n_events=n_users, n_users=n_users, users="each", duplicates=0)
    with session.topics() as (broker, prefix):
        folder = session.scratch("empty")
        with Worker("preferences", broker.bootstrap, prefix, folder) as worker:
            worker.wait_until_ready()
            empty = worker.resident()
    with session.round(spec) as loaded:
        full = run_ours(session, loaded).resident
    yield row("memory, no users", "MB", [empty / 1e6])
    yield row(f"memory, {n_users:,} users", "GB", [full / 1e9], GIGABYTES)
    yield row("memory a user", "bytes", [(full - empty) / n_users], BYTES_A_USER)
