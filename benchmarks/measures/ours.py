"""A loaded dataset -> what our preferences worker does with it, its state checked."""

from dataclasses import dataclass

from benchmarks.dataset.events import Columns
from benchmarks.dataset.reference import reference
from benchmarks.session import Loaded, Session, note
from benchmarks.state import check
from benchmarks.timing import Rates, Sample, rates
from benchmarks.workers import Worker
from streams.kafka.topics import PREFERENCE


@dataclass(frozen=True)
class OurRun:
    """One run of the preferences worker."""

    rates: Rates
    broker_cpu_per_million: float
    resident: int
    """Bytes, at the end."""
    n_differing: int
    """Users whose state on the broker is not the reference."""
    durable_s: float
    """From the last event folded in until its offset was seen committed."""


def run_ours(
    session: Session, loaded: Loaded, settings: dict[str, str] | None = None
) -> OurRun:
    """Start a worker on a loaded dataset; return when all is durable and compared.

    Raises:
        RuntimeError: the state on the broker is wrong.
    """
    n_events = loaded.dataset.spec.n_events
    with Worker(
        "preferences",
        loaded.bootstrap,
        loaded.prefix,
        session.scratch("ours"),
        loaded.dataset.spec.n_partitions,
        settings,
    ) as worker:
        before = loaded.broker.cpu()
        samples = worker.follow(loaded.ends)
        broker_cpu = loaded.broker.cpu() - before
        resident = worker.resident()
    n_differing = require_state(loaded)
    found = rates(samples, n_events)
    note(
        f"ours: {found.events_s:,.0f} events/s, {found.cpu_per_million:.2f} CPU-s a "
        f"million (warm {found.warm_events_s:,.0f}, {found.warm_cpu_per_million:.2f}), "
        f"{n_differing} users differ"
    )
    return OurRun(
        rates=found,
        broker_cpu_per_million=broker_cpu / n_events * 1e6,
        resident=resident,
        n_differing=n_differing,
        durable_s=_tail(samples),
    )


def require_state(loaded: Loaded, events: Columns | None = None) -> int:
    """Return the users that differ: 0, or an error.

    Args:
        loaded: where the state is.
        events: what it must be the state of; without, the events of `loaded`.

    Raises:
        RuntimeError: the state on the broker is not that of the reference.
    """
    events = loaded.dataset.events if events is None else events
    found = check(
        loaded.bootstrap,
        loaded.prefix + PREFERENCE.name,
        loaded.dataset.spec.n_partitions,
        events,
        reference(events),
    )
    if not found.is_equal:
        raise RuntimeError(
            f"the state read back from {loaded.broker.name} is wrong: {found}"
        )
    return found.n_differing


def _tail(samples: list[Sample]) -> float:
    last = samples[-1]
    done = next(sample.at for sample in samples if sample.n >= last.n)
    return last.at - done
