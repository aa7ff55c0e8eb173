"""`python -m benchmarks`: what each pure stage costs on one core of this machine.

Broker and serialisation are left out, but decoding is part of the preferences figure.
Each figure is the median of `--runs` runs. The broker benchmarks beside peers are a
matter of their own and come later.
"""

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Behavior, Preference, Text
from schemas.taxonomy import taxonomy
from streams.core.attribution.join import Attribution
from streams.core.preferences import Preferences
from streams.core.stage import Incoming
from streams.core.text.texts import Texts
from streams.settings import AttributionSettings, PreferencesSettings

NOW = 1_800_000_000_000
N = 50_000
KINDS = ("impression", "view", "search", "click")


@dataclass(frozen=True)
class Figure:
    """One measured rate."""

    name: str
    value: float
    unit: str
    n_runs: int
    low: float
    high: float


def behaviours() -> list[Behavior]:
    """Return N events of 5,000 people (Zipf) over the taxonomy."""
    rng = np.random.default_rng(1)
    users = np.minimum(rng.zipf(1.3, N), 5_000)
    return [
        Behavior(
            event_id=f"e{i}",
            user_id=f"u_{user:032d}",
            kind=KINDS[i % len(KINDS)],
            occurred_at=NOW + i,
            impression_id=f"i{i - i % len(KINDS)}",
            category=taxonomy().ids[int(rng.integers(64))],
            consent=True,
        )
        for i, user in enumerate(users)
    ]


def preferences(events: list[Behavior]) -> Callable[[], int]:
    """Decode and fold events; write one checkpoint."""
    codec = Codec(Behavior, LockedIds())
    messages = [codec.encode(event) for event in events]

    def run() -> int:
        stage = Preferences(
            PreferencesSettings(), taxonomy(), Codec(Preference, LockedIds())
        )
        incoming = []
        for offset, message in enumerate(messages):
            value = codec.decode(message)
            incoming.append(Incoming(Behavior, value.user_id, value, 0, offset))
        stage.step(incoming, NOW)
        stage.take_dirty()
        return len(messages)

    return run


def attribution(events: list[Behavior]) -> Callable[[], int]:
    """Join impressions and clicks; write one checkpoint."""
    incoming = [
        Incoming(Behavior, event.user_id, event, 0, offset)
        for offset, event in enumerate(events)
    ]

    def run() -> int:
        stage = Attribution(AttributionSettings())
        stage.step(incoming, NOW)
        stage.take_dirty()
        return len(incoming)

    return run


def texts() -> Callable[[], int]:
    """Read short texts in two languages."""
    phrases = ("light running shoes for the rain", "这双跑步鞋很舒服，下次还会买")
    incoming = [
        Incoming(
            Text,
            "u",
            Text(
                text_id=f"t{i}",
                user_id="u",
                kind="comment",
                text=phrases[i % 2],
                written_at=NOW,
                consent=True,
            ),
            0,
            i,
        )
        for i in range(2_000)
    ]

    def run() -> int:
        Texts().step(incoming, NOW)
        return len(incoming)

    return run


def measure(name: str, run: Callable[[], int], n_runs: int) -> Figure:
    """Return records per CPU second, the median of `n_runs` after a warm-up."""
    run()
    rates = []
    for _ in range(n_runs):
        started = time.process_time()
        n = run()
        rates.append(n / (time.process_time() - started))
    return Figure(
        name=name,
        value=statistics.median(rates),
        unit="records per CPU second",
        n_runs=n_runs,
        low=min(rates),
        high=max(rates),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one list on stdout")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    events = behaviours()
    figures = [
        measure("preferences", preferences(events), options.runs),
        measure("attribution", attribution(events), options.runs),
        measure("texts", texts(), options.runs),
    ]
    if options.json:
        json.dump([asdict(figure) for figure in figures], sys.stdout)
        return
    print(f"{platform.machine()}, Python {platform.python_version()}")
    for figure in figures:
        print(
            f"{figure.name:14}{figure.value:>12,.0f} {figure.unit} "
            f"({figure.low:,.0f} to {figure.high:,.0f})"
        )


main()
