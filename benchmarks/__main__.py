"""`adloom bench`: figures by name -> rows on stdout, the machine and the way on stderr.

python -m benchmarks [NAME ...] [--json] [--list] [--runs 3] [--events 3000000]
                     [--peers flink,kafka-streams] [--broker local]
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from kafka.errors import KafkaError

from benchmarks import artefacts, pages
from benchmarks.brokers import ROOT
from benchmarks.figures import Row, UnavailableError, to_json, to_text
from benchmarks.learning import __main__ as learning, summary
from benchmarks.machine import busy, describe
from benchmarks.peers.catalogue import PEERS
from benchmarks.registry import FIGURES
from benchmarks.session import Options, Session, note
from streams.errors import AdloomError

_BUSY = 0.3

PROGRAMMES: dict[str, tuple[Callable[[list[str]], int], str]] = {
    "learning": (learning.main, "what is learnt from clicks; see learning --help"),
    "learning-figures": (summary.main, "what is asked of that, and what is reached"),
    "docs": (pages.main, "the tables of the docs from what was measured"),
}
"""Commands with options of their own."""


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return 1 when something that was asked for failed."""
    asked = sys.argv[1:] if arguments is None else arguments
    if asked and asked[0] in PROGRAMMES:
        return PROGRAMMES[asked[0]][0](asked[1:])
    given = _parser().parse_args(asked)
    if given.list:
        for figure in FIGURES.values():
            print(f"{figure.name:18}{figure.what}")
        for name, (_, what) in PROGRAMMES.items():
            print(f"{name:18}{what}")
        return 0
    options = _options(given)
    if unknown := _unknown(given.names, options):
        note(unknown)
        return 2
    note(describe())
    if busy() > _BUSY:
        note(f"the machine is busy (load {busy():.1f} a core): figures will be low")
    rows, n_failed = _measured(given.names or list(FIGURES), options)
    if given.json:
        print(to_json([found for _, found in rows]))
        _keep(rows, " ".join(["adloom bench", *asked]), options)
    return 1 if n_failed else 0


def _unknown(names: list[str], options: Options) -> str:
    """Return which asked names do not exist, and which do; empty if all exist."""
    for kind, asked, known in (
        ("figure", names, tuple(FIGURES)),
        ("peer", options.peers or (), tuple(PEERS)),
    ):
        if strangers := [name for name in asked if name not in known]:
            return f"no {kind} {', '.join(strangers)}; there are {', '.join(known)}"
    return ""


def _keep(rows: list[tuple[str, Row]], command: str, options: Options) -> None:
    """Keep what was measured, unless it is a trial: the docs are made of it."""
    if options.is_trial:
        note("a trial: nothing is written to benchmarks/results")
    elif rows:
        note(f"written: {artefacts.write(rows, command)}")


def _measured(names: list[str], options: Options) -> tuple[list[tuple[str, Row]], int]:
    """Return the rows, each with its figure, and how many figures failed."""
    rows: list[tuple[str, Row]] = []
    n_failed = 0
    with Session(options) as session:
        for name in names:
            note(f"{name}: {FIGURES[name].what}")
            try:
                found = list(FIGURES[name].measure(session))
            except UnavailableError as error:
                note(f"{name}: skipped: {error}")
                continue
            except (AdloomError, KafkaError, OSError, RuntimeError) as error:
                note(f"{name}: FAILED: {error}")
                n_failed += 1
                continue
            rows += [(name, one) for one in found]
            for one in found:
                sys.stderr.write(to_text(one) + "\n")
    return rows, n_failed


def _options(given: argparse.Namespace) -> Options:
    return Options(
        runs=given.runs,
        n_events=given.events,
        n_users=given.users,
        scale=given.scale,
        duplicates=given.duplicates,
        broker=given.broker,
        peers=None
        if given.peers is None
        else tuple(filter(None, given.peers.split(","))),
        folder=given.folder,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="adloom bench", description="Measure this machine, beside the peers."
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="all when none is given"
    )
    parser.add_argument("--list", action="store_true", help="say which figures exist")
    parser.add_argument("--json", action="store_true", help="one list on stdout")
    parser.add_argument("--runs", type=int, default=3, help="medians of so many")
    parser.add_argument("--events", type=int, default=3_000_000, help="of a run")
    parser.add_argument("--users", type=int, default=50_000, help="of a run")
    parser.add_argument("--scale", type=float, default=1.0, help="of fixed sizes")
    parser.add_argument(
        "--duplicates", type=float, default=0.01, help="share of events"
    )
    parser.add_argument(
        "--broker",
        choices=["apache", "local"],
        default="apache",
        help="of most figures",
    )
    parser.add_argument("--peers", help="names, comma-separated; empty for none")
    parser.add_argument(
        "--folder",
        type=Path,
        default=ROOT / "var" / "bench",
        help="datasets, the broker's data, the peers' environment",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
