"""The preferences job in other circumstances, each beside the ordinary one.

Compressed topics, the references in Python, the local broker, more partitions.
Every run's state is read back and compared.
"""

from collections.abc import Iterator

from benchmarks.dataset.events import Spec
from benchmarks.figures import Row, Target, at_least, at_most, beside, row
from benchmarks.measures.bare_reader import bare_read
from benchmarks.measures.ours import OurRun, run_ours
from benchmarks.session import Session, resized
from benchmarks.workers import PURE_PYTHON

COMPRESSED = at_least(0.6)
LOCAL = at_least(0.8)
FLAT = at_most(1.15)

_REFERENCE_SHARE = 50
"""The references are slower: so much fewer events."""


def compression(session: Session) -> Iterator[Row]:
    """Compare lz4 and zstd topics with an uncompressed one."""
    spec = session.options.spec
    runs = _in_turns(session, [spec, *(_with(spec, c) for c in ("lz4", "zstd"))])
    plain = runs[spec]
    for codec in ("lz4", "zstd"):
        packed = runs[_with(spec, codec)]
        yield beside(
            f"preferences {codec}",
            "events/s",
            [run.rates.events_s for run in packed],
            "uncompressed",
            [run.rates.events_s for run in plain],
            COMPRESSED,
        )


def pure_python(session: Session) -> Iterator[Row]:
    """Run by the references: what it costs to have no compiler."""
    spec = session.options.spec
    fewer = resized(spec, n_events=max(1, spec.n_events // _REFERENCE_SHARE))
    found = []
    for _ in range(session.options.runs):
        with session.round(fewer) as loaded:
            found.append(run_ours(session, loaded, PURE_PYTHON))
    rates = [run.rates.events_s for run in found]
    yield row("preferences pure Python", "events/s", rates)
    costs = [run.rates.cpu_per_million for run in found]
    yield row("preferences pure Python CPU", "s/million events", costs)


def local(session: Session) -> Iterator[Row]:
    """Compare the local broker with Apache Kafka, a reader of bytes beside us."""
    here, there = [], []
    bare: dict[str, list[float]] = {"local": [], "apache": []}
    for _ in range(session.options.runs):
        for kind, found in (("local", here), ("apache", there)):
            with session.round(session.options.spec, kind) as loaded:
                found.append(run_ours(session, loaded))
                bare[kind].append(bare_read(loaded))
    yield beside(
        "preferences local broker",
        "events/s",
        [run.rates.events_s for run in here],
        "Apache Kafka",
        [run.rates.events_s for run in there],
        LOCAL,
    )
    yield beside(
        "bare reader local broker",
        "events/s",
        bare["local"],
        "Apache Kafka",
        bare["apache"],
    )
    yield beside(
        "broker's CPU, local broker",
        "s/million events",
        [run.broker_cpu_per_million for run in here],
        "Apache Kafka",
        [run.broker_cpu_per_million for run in there],
    )


def growth_partitions(session: Session) -> Iterator[Row]:
    """Compare the CPU of an event on 1 partition with that on 64."""
    counts = (1, 4, 16, 64)
    specs = [resized(session.options.spec, n_partitions=n) for n in counts]
    names = [f"{n} partition{'s' if n > 1 else ''}" for n in counts]
    yield from _flat(session, specs, names)


def _flat(session: Session, specs: list[Spec], names: list[str]) -> Iterator[Row]:
    runs = _in_turns(session, specs)
    first = [run.rates.cpu_per_million for run in runs[specs[0]]]
    for spec, name in zip(specs[1:], names[1:], strict=True):
        costs = [run.rates.cpu_per_million for run in runs[spec]]
        target: Target = FLAT
        yield beside(
            f"CPU at {name}", "s/million events", costs, names[0], first, target
        )


def _in_turns(session: Session, specs: list[Spec]) -> dict[Spec, list[OurRun]]:
    runs: dict[Spec, list[OurRun]] = {spec: [] for spec in specs}
    for _ in range(session.options.runs):
        for spec in specs:
            with session.round(spec) as loaded:
                runs[spec].append(run_ours(session, loaded))
    return runs


def _with(spec: Spec, codec: str) -> Spec:
    return resized(spec, codec=codec)
