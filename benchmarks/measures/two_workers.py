"""Two preferences workers in one group, beside one: what a second core brings.

The workers share the machine with the broker, so the broker's own CPU is reported too:
where one worker and the broker leave little of two cores, a second worker can add no
more than that. Rates are of the second half of four times the usual events: whoever is
ready first begins alone, and the group has to settle before anything is compared.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.figures import Row, at_least, beside, row
from benchmarks.measures.ours import require_state
from benchmarks.session import Loaded, Session, resized
from benchmarks.timing import Rates, Sample, rates
from benchmarks.workers import SAMPLE_S, Committed, Worker

TWO = at_least(1.7)
_TIMES = 4
_LIMIT_S = 600.0


def two_workers(session: Session) -> Iterator[Row]:
    """Measure one and two workers in turns."""
    found: dict[int, list[tuple[Rates, float]]] = {1: [], 2: []}
    usual = session.options.spec
    spec = resized(usual, n_events=_TIMES * usual.n_events)
    for _ in range(session.options.runs):
        for n, runs in found.items():
            with session.round(spec) as loaded:
                runs.append(_run(session, loaded, n))
    yield beside(
        "two workers",
        "events/s",
        [one.warm_events_s for one, _ in found[2]],
        "one worker",
        [one.warm_events_s for one, _ in found[1]],
        TWO,
    )
    for n, runs in found.items():
        yield row(
            f"CPU, workers: {n}",
            "s/million events",
            [one.warm_cpu_per_million for one, _ in runs],
        )
        shares = [share for _, share in runs]
        yield row(f"broker's share of the CPU, workers: {n}", "share", shares)


def _run(session: Session, loaded: Loaded, n_workers: int) -> tuple[Rates, float]:
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
        broker = loaded.broker.cpu()
        samples = _follow(workers, loaded)
        broker = loaded.broker.cpu() - broker
    require_state(loaded)
    ours = samples[-1].cpu
    return rates(samples, loaded.dataset.spec.n_events), broker / (broker + ours)


def _follow(workers: list[Worker], loaded: Loaded) -> list[Sample]:
    samples = []
    deadline = time.monotonic() + _LIMIT_S
    with Committed(loaded.bootstrap, workers[0].group) as committed:
        while time.monotonic() < deadline:
            each = [worker.sample() for worker in workers]
            samples.append(
                Sample(each[-1].at, sum(s.n for s in each), sum(s.cpu for s in each))
            )
            is_near = samples[-1].n >= loaded.dataset.spec.n_events / 2
            if is_near and committed.reach(loaded.ends):
                return samples
            time.sleep(SAMPLE_S)
    raise TimeoutError(f"{loaded.topic}: {samples[-1].n:,.0f} records in")
