"""Two preferences workers in one group, beside one: what a second core brings.

Measured is the time in which all workers are at work: whoever is ready first begins
alone, and partitions are not equally full, so one of them is done first. The first
quarter of the events is left out; there are four times as many as usual. A round before
the first is not counted: in it a broker that was just started spends half of its CPU on
compiling its own code. What was loaded is on disk before workers start: otherwise the
kernel writes it while they run, with up to a third of a core.

Workers share the machine with the broker. What its cores allow is reckoned from the CPU
that a million events cost both: a worker has one core, all together have what is there.
"""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from benchmarks.cores import Cores, told
from benchmarks.dataset.events import Spec
from benchmarks.figures import Row, UnavailableError, at_least, beside, row
from benchmarks.measures.ours import require_state
from benchmarks.session import Loaded, Session, note, resized
from benchmarks.workers import Committed, Worker

TWO = at_least(1.7)
_CODECS = ("none", "lz4")
_TIMES = 4
_START = 0.25
_SAMPLE_S = 0.1
_LIMIT_S = 600.0


@dataclass(frozen=True)
class _Run:
    """What some workers did while all of them were at work."""

    n_workers: int
    events_s: float
    workers: float
    """Cores used."""
    broker: float
    """Cores used."""

    @property
    def worker_cost(self) -> float:
        """Return CPU seconds of the workers a million events."""
        return self.workers / self.events_s * 1e6

    @property
    def broker_cost(self) -> float:
        """Return CPU seconds of the broker a million events."""
        return self.broker / self.events_s * 1e6

    @property
    def allowed(self) -> float:
        """Return the events/s that the cores allow at these costs."""
        together = len(os.sched_getaffinity(0)) / (self.worker_cost + self.broker_cost)
        return 1e6 * min(together, self.n_workers / self.worker_cost)


def two_workers(session: Session) -> Iterator[Row]:
    """Measure one and two workers in turns, on each kind of topic."""
    usual = session.options.spec
    long = resized(usual, n_events=_TIMES * usual.n_events)
    _round(session, long, 1)
    for codec in _CODECS:
        one, two = [], []
        spec = resized(long, codec=codec)
        for _ in range(session.options.runs):
            for n, runs in ((1, one), (2, two)):
                runs.append(_round(session, spec, n))
        yield from _rows("" if codec == "none" else f", {codec}", one, two)


def _rows(what: str, one: list[_Run], two: list[_Run]) -> Iterator[Row]:
    alone = [run.events_s for run in one]
    rates = [run.events_s for run in two]
    yield beside(f"two workers{what}", "events/s", rates, "one worker", alone, TWO)
    allowed = [run.allowed for run in two]
    name = f"two workers{what}, what the cores allow"
    yield beside(name, "events/s", allowed, "one worker", alone)
    for runs in (one, two):
        which = f"workers: {runs[0].n_workers}{what}"
        costs = [run.worker_cost for run in runs]
        yield row(f"CPU, {which}", "s/million events", costs)
        costs = [run.broker_cost for run in runs]
        yield row(f"broker's CPU, {which}", "s/million events", costs)
        shares = [run.broker / (run.broker + run.workers) for run in runs]
        yield row(f"broker's share of the CPU, {which}", "share", shares)


def _round(session: Session, spec: Spec, n_workers: int) -> _Run:
    with session.round(spec) as loaded:
        os.sync()
        return _run(session, loaded, n_workers)


def _run(session: Session, loaded: Loaded, n_workers: int) -> _Run:
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                Worker(
                    "preferences",
                    loaded.bootstrap,
                    loaded.prefix,
                    session.scratch(f"worker-{number}"),
                    loaded.dataset.spec.n_partitions,
                )
            )
            for number in range(n_workers)
        ]
        pids = {"workers": [one.pid for one in workers], "broker": loaded.broker.pids}
        cores = stack.enter_context(Cores(pids, _SAMPLE_S))
        at, counts = _follow(workers, loaded)
    require_state(loaded)
    start, end = at_work(counts)
    events_s = (counts[end] - counts[start]).sum() / (at[end] - at[start])
    # The counter leaves repeats out, so it is read as a share of the events.
    events_s *= loaded.dataset.spec.n_events / counts[-1].sum()
    used = cores.between(*(int(at[n] * 1e9) for n in (start, end)))
    note(
        f"workers: {n_workers}, {events_s:,.0f} events/s for {at[end] - at[start]:.1f} "
        f"s; cores used: {told(used)}"
    )
    return _Run(n_workers, float(events_s), used["workers"], used["broker"])


def at_work(counts: np.ndarray) -> tuple[int, int]:
    """Return the first and the last sample while all workers are at work.

    Args:
        counts: [samples, workers], records so far.

    Raises:
        UnavailableError: they never were, together.
    """
    begun = (counts > 0).all(1) & (counts.sum(1) >= _START * counts[-1].sum())
    busy = begun & (counts < counts[-1]).all(1)
    if busy.sum() < 2:  # noqa: PLR2004 - two ends
        raise UnavailableError("one worker did it all before two were at work")
    start, end = np.flatnonzero(busy)[[0, -1]].tolist()
    return start, end


def _follow(workers: list[Worker], loaded: Loaded) -> tuple[np.ndarray, np.ndarray]:
    """Return instants [samples], monotonic s, and counts [samples, workers]."""
    at, counts = [], []
    deadline = time.monotonic() + _LIMIT_S
    with Committed(loaded.bootstrap, workers[0].group) as committed:
        while time.monotonic() < deadline:
            each = [worker.sample() for worker in workers]
            at.append(each[-1].at)
            counts.append([one.n for one in each])
            is_near = sum(counts[-1]) >= loaded.dataset.spec.n_events / 2
            if is_near and committed.reach(loaded.ends):
                return np.array(at), np.array(counts)
            time.sleep(_SAMPLE_S)
    raise TimeoutError(f"{loaded.topic}: {sum(counts[-1]):,.0f} records in")
