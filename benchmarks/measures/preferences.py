"""The preferences job, compiled path, everything switched on: ours beside each peer.

A round is one copy of the dataset on the broker; ours and then every peer reads it.
"""

from collections import defaultdict
from collections.abc import Iterator

from benchmarks.dataset.reference import Reference, reference
from benchmarks.figures import (
    Row,
    Target,
    UnavailableError,
    at_least,
    at_most,
    beside,
    row,
)
from benchmarks.measures.ours import OurRun, run_ours
from benchmarks.peers.catalogue import PEERS, Peer, PeerRun, run_peer
from benchmarks.session import Loaded, Session, note, resized
from benchmarks.timing import Rates

RATE_TARGETS = {
    "flink": at_least(1.0),
    "kafka-streams": at_least(4.0),
    "pathway": at_least(10.0),
}
CPU_TARGETS = {"flink": at_most(0.5)}
CPU_PER_MILLION = at_most(0.6)

_WARM = {"flink", "kafka-streams"}
"""Peers that are compared by their second half, when the JVM is warm: their best."""


def preferences(session: Session) -> Iterator[Row]:
    """Measure ours and the peers in turns."""
    names = session.options.peers
    wanted = [peer for name, peer in PEERS.items() if names is None or name in names]
    ours: list[OurRun] = []
    theirs: dict[str, list[tuple[OurRun, PeerRun]]] = defaultdict(list)
    for _ in range(session.options.runs):
        with session.round(session.options.spec) as loaded:
            mine = run_ours(session, loaded)
            ours.append(mine)
            for peer in wanted:
                if (run := _try(session, peer, loaded)) is not None:
                    theirs[peer.name].append((mine, run))
                else:
                    wanted = [other for other in wanted if other is not peer]
    yield from _alone(ours)
    for name, pairs in theirs.items():
        yield from _beside(name, pairs)


def _try(session: Session, peer: Peer, loaded: Loaded) -> PeerRun | None:
    """Run a peer; None when it cannot run here, said by name."""
    folder = session.scratch(peer.name)
    try:
        if peer.max_events is not None:
            spec = loaded.dataset.spec
            few = resized(spec, n_events=min(peer.max_events, spec.n_events))
            with session.round(few) as fewer:
                run = run_peer(peer, fewer, session.options, folder, _expected(fewer))
        else:
            run = run_peer(peer, loaded, session.options, folder, _expected(loaded))
    except UnavailableError as error:
        note(f"{peer.name}: skipped: {error}")
        return None
    note(
        f"{peer.name}: {run.rates.events_s:,.0f} events/s, "
        f"{run.rates.cpu_per_million:.2f} CPU-s a million "
        f"(warm {run.rates.warm_events_s or 0:,.0f}, "
        f"{run.rates.warm_cpu_per_million or 0:.2f})"
    )
    return run


def _expected(loaded: Loaded) -> Reference:
    return reference(loaded.dataset.events, counts_duplicates=True)


def _alone(ours: list[OurRun]) -> Iterator[Row]:
    yield row("preferences", "events/s", [run.rates.events_s for run in ours])
    yield row(
        "preferences CPU",
        "s/million events",
        [run.rates.cpu_per_million for run in ours],
        CPU_PER_MILLION,
    )
    yield row(
        "preferences broker CPU",
        "s/million events",
        [run.broker_cpu_per_million for run in ours],
    )
    yield row(
        "preferences users that differ",
        "users",
        [float(run.n_differing) for run in ours],
        Target(0.0, at_least=False),
    )


def _beside(name: str, pairs: list[tuple[OurRun, PeerRun]]) -> Iterator[Row]:
    warm = name in _WARM
    yield beside(
        "preferences",
        "events/s",
        [_rate(mine.rates, warm=warm) for mine, _ in pairs],
        name,
        [_rate(run.rates, warm=warm) for _, run in pairs],
        RATE_TARGETS.get(name),
    )
    yield beside(
        "preferences CPU",
        "s/million events",
        [_cost(mine.rates, warm=warm) for mine, _ in pairs],
        name,
        [_cost(run.rates, warm=warm) for _, run in pairs],
        CPU_TARGETS.get(name),
    )


def _rate(found: Rates, *, warm: bool) -> float:
    return found.warm_events_s if warm else found.events_s


def _cost(found: Rates, *, warm: bool) -> float:
    return found.warm_cpu_per_million if warm else found.cpu_per_million
