"""Rate, skew, measured cost -> partitions, workers, brokers and ClickHouse nodes.

    python -m benchmarks.scaling --per-core 2000000 [--broker-mb 150] [--json]

Users follow a bounded Zipf law, so some partitions get more than others. A partition is
read by one worker and a worker is one core, so the fullest worker sets the pace: the
simulation deals users to partitions by a random hash, partitions to workers in ranges
(as the group's assignor does), and compares the fullest with the mean.
"""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RATES = (1_000_000, 10_000_000, 100_000_000)
USERS_A_MILLION = 5_000_000
"""Assumed: active people for each million events a second; one event in five seconds
each. A larger rate comes from more people, not from faster ones."""

_COUNTED = 2_000_000
"""People who are dealt out one by one; the rest is so many and so small that each
partition gets its even part."""

_MAX_STEPS = 16


@dataclass(frozen=True)
class Costs:
    """What one core, node or disk does; measured here, or assumed."""

    per_core: float
    """Events/s of one worker on one core: measured (`adloom bench preferences`)."""
    rows_s: float = 300_000
    """Rows/s of one ClickHouse node: measured (`adloom bench sink`)."""
    bytes_an_event: float = 300
    """On the wire, uncompressed: measured (the dataset)."""
    broker_mb_s: float = 150
    """Assumed: MB/s in that one broker takes, replicas included, with room to spare."""
    replication: int = 3
    """Assumed."""
    headroom: float = 0.6
    """Assumed: share of a worker that ordinary load may use."""


@dataclass(frozen=True)
class Load:
    """How even the load is."""

    partitions: int
    workers: int
    fullest_partition: float
    """By the mean."""
    fullest_worker: float
    """By the mean."""
    first_user: float
    """Share of the most active user in all events: no partition can hold less."""


@dataclass(frozen=True)
class Plan:
    """What a rate needs."""

    events_s: int
    n_users: int
    load: Load
    fullest_worker_events_s: float
    brokers: int
    clickhouse_nodes: int
    is_possible: bool
    """False when one person alone is more than a core: nothing of this helps."""


def user_shares(n_users: int, exponent: float) -> tuple[Floats, float]:
    """Return the shares of the most active users, and that of all others together."""
    counted = min(n_users, _COUNTED)
    weights = np.arange(1, counted + 1, dtype=np.float64) ** -exponent
    rest = _sum_of_powers(counted, n_users, exponent)
    total = weights.sum() + rest
    return weights / total, rest / total


def _sum_of_powers(start: int, end: int, exponent: float) -> float:
    """Sum of k**-exponent for start < k <= end, by the integral (midpoint rule)."""
    if end <= start:
        return 0.0
    low, high = start + 0.5, end + 0.5
    if exponent == 1:
        return math.log(high / low)
    power = 1 - exponent
    return (high**power - low**power) / power


def spread(
    shares: Floats, rest: float, partitions: int, workers: int, seed: int = 1
) -> Load:
    """Deal users to partitions at random, and partitions to workers in ranges."""
    rng = np.random.default_rng(seed)
    of_user = rng.integers(0, partitions, len(shares))
    by_partition = np.bincount(of_user, shares, partitions) + rest / partitions
    groups = np.array_split(by_partition, workers)
    by_worker = np.array([group.sum() for group in groups])
    return Load(
        partitions=partitions,
        workers=workers,
        fullest_partition=float(by_partition.max() * partitions),
        fullest_worker=float(by_worker.max() * workers),
        first_user=float(shares[0]),
    )


def plan(events_s: int, costs: Costs, n_users: int, exponent: float) -> Plan:
    """Add workers until the fullest keeps its headroom; four partitions for each."""
    allowed = costs.per_core * costs.headroom
    shares, rest = user_shares(n_users, exponent)
    workers = max(1, math.ceil(events_s / allowed))
    for _ in range(_MAX_STEPS):
        load = spread(shares, rest, 4 * workers, workers)
        fullest = load.fullest_worker / workers * events_s
        if fullest <= allowed or shares[0] * events_s > allowed:
            break
        workers = math.ceil(workers * 1.15)
    megabytes = events_s * costs.bytes_an_event / 1e6 * costs.replication
    return Plan(
        events_s=events_s,
        n_users=n_users,
        load=load,
        fullest_worker_events_s=fullest,
        brokers=max(costs.replication, math.ceil(megabytes / costs.broker_mb_s)),
        clickhouse_nodes=math.ceil(events_s / costs.rows_s),
        is_possible=bool(fullest <= allowed),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--per-core", type=float, required=True, help="events/s")
    parser.add_argument(
        "--rows", type=float, default=Costs.rows_s, help="rows/s a node"
    )
    parser.add_argument("--bytes", type=float, default=Costs.bytes_an_event)
    parser.add_argument("--broker-mb", type=float, default=Costs.broker_mb_s)
    parser.add_argument(
        "--users", type=int, default=USERS_A_MILLION, help="a million/s"
    )
    parser.add_argument("--exponents", type=float, nargs="+", default=[0.8, 1.0])
    parser.add_argument("--json", action="store_true", help="one list on stdout")
    given = parser.parse_args(arguments)
    costs = Costs(
        per_core=given.per_core,
        rows_s=given.rows,
        bytes_an_event=given.bytes,
        broker_mb_s=given.broker_mb,
    )
    plans = [
        (exponent, plan(rate, costs, given.users * rate // 1_000_000, exponent))
        for exponent in given.exponents
        for rate in RATES
    ]
    if given.json:
        print(json.dumps([{"exponent": e, **asdict(p)} for e, p in plans], indent=1))
        return
    print(
        "| Zipf | events/s | users | workers | partitions | fullest partition / mean "
        "| fullest worker / mean | brokers | ClickHouse nodes | keeps up |"
    )
    print("| --- " * 10 + "|")
    for exponent, one in plans:
        print(
            f"| {exponent:g} | {one.events_s:,} | {one.n_users:,} "
            f"| {one.load.workers:,} "
            f"| {one.load.partitions:,} | {one.load.fullest_partition:.2f} "
            f"| {one.load.fullest_worker:.2f} | {one.brokers:,} "
            f"| {one.clickhouse_nodes:,} | {'yes' if one.is_possible else 'NO'} |"
        )


if __name__ == "__main__":
    sys.exit(main())
