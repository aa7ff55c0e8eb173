"""CPU of an event at 10 thousand users, and at more of them, up to 5 million.

Two figures a size, because a first event costs more than others: it gives a person a
row, and the kernel has to find memory for it.

- "known": a worker that holds all users already, restored from its changelog, takes
  events of a Zipf law. This is what an event costs at a size.
- "new": the same events on an empty worker: whoever appears is new.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from benchmarks.dataset.events import Spec, joined
from benchmarks.dataset.load import load
from benchmarks.figures import Row, at_most, beside
from benchmarks.measures.ours import require_state, run_ours
from benchmarks.session import Session, note, resized
from benchmarks.timing import rates
from benchmarks.workers import Worker

FLAT = at_most(1.15)

_SIZES = (10_000, 100_000, 1_000_000, 5_000_000)


def growth_users(session: Session) -> Iterator[Row]:
    """Compare the CPU of an event at 10 thousand users with that at 5 million."""
    sizes = [session.options.scaled(size) for size in _SIZES]
    known: dict[int, list[float]] = {size: [] for size in sizes}
    new: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(session.options.runs):
        for size in sizes:
            spec = resized(session.options.spec, n_users=size)
            known[size].append(_at_known(session, spec))
            with session.round(spec) as loaded:
                new[size].append(run_ours(session, loaded).rates.cpu_per_million)
    for kind, costs in (("known", known), ("new", new)):
        for size in sizes[1:]:
            yield beside(
                f"CPU at {size:,} users, {kind}",
                "s/million events",
                costs[size],
                f"{sizes[0]:,} users",
                costs[sizes[0]],
                FLAT,
            )


def _at_known(session: Session, spec: Spec) -> float:
    """Return the CPU seconds a million events of users who all have a row."""
    first = replace(spec, n_events=spec.n_users, users="each", duplicates=0)
    later = session.dataset(replace(spec, first_event=first.n_events))
    with session.round(first) as loaded:
        place = loaded.bootstrap, loaded.prefix
        with Worker("preferences", *place, session.scratch("first")) as worker:
            worker.follow(loaded.ends)
        load(later, loaded.bootstrap, loaded.topic)
        ends = np.add(loaded.dataset.ends, later.ends).tolist()
        with Worker("preferences", *place, session.scratch("known")) as worker:
            samples = worker.follow({(loaded.topic, n): e for n, e in enumerate(ends)})
        events = joined([loaded.dataset.events, later.events])
        require_state(loaded, events)
    cost = rates(samples, spec.n_events).cpu_per_million
    note(f"{spec.n_users:,} known users: {cost:.2f} CPU-s a million, 0 users differ")
    return cost
