"""`adloom bench learning-figures`: what was asked of a loop that learns, and reached.

Derives every figure from the runs of `adloom bench learning`: those that were made are
read, the others are made now. Intervals are over worlds.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.figures import Row, UnavailableError, to_json, to_text
from benchmarks.learning import asked
from benchmarks.learning.__main__ import SEEDS, seeds
from benchmarks.learning.kept import FOLDER, Task, made
from benchmarks.learning.methods.catalogue import METHODS, REFERENCE
from benchmarks.learning.run import BACK_AT
from benchmarks.learning.world import KINDS

OURS = ("ours-gan", "ours-vae")
_BANDIT = "library-bandit"
_WITHOUT_PEERS = ("shuffled", "poisoned", "drifting")
"""Kinds that ask something of ours alone."""


def main(arguments: list[str] | None = None) -> int:
    """Run what is missing and print the table; return the exit status."""
    given = _parser().parse_args(arguments)
    kinds, methods = given.kinds.split(","), given.methods.split(",")
    unknown = [*set(kinds).difference(KINDS), *set(methods).difference(METHODS)]
    if unknown:
        sys.stderr.write(f"unknown: {', '.join(unknown)}\n")
        return 2
    worlds = seeds(given.seeds)
    tasks = _tasks(kinds, methods, worlds, given.impressions)
    runs: asked.Runs = {}
    try:
        for (kind, seed, method, _), points in made(given.folder, tasks, given.jobs):
            runs[kind, method, seed] = points
    except UnavailableError as error:
        sys.stderr.write(f"learning-figures: skipped: {error}\n")
        return 0
    found = list(_rows(asked.Worlds(runs, worlds, given.impressions), kinds, methods))
    for one in found:
        sys.stderr.write(to_text(one) + "\n")
    if given.json:
        sys.stdout.write(to_json(found) + "\n")
    return 0


def _tasks(
    kinds: Sequence[str], methods: Sequence[str], worlds: Sequence[int], total: int
) -> list[Task]:
    needed: list[Task] = []
    for kind in kinds:
        peers: list[str] = [] if kind in _WITHOUT_PEERS else [REFERENCE]
        if kind == "bilinear":
            peers.append(_BANDIT)
        last = max(total, BACK_AT) if kind == "drifting" else total
        needed += [
            (kind, seed, method, last)
            for seed in worlds
            for method in (*peers, *methods)
        ]
    if "poisoned" in kinds and "bilinear" not in kinds:
        needed += [("bilinear", seed, own, total) for seed in worlds for own in methods]
    return needed


def _rows(
    worlds: asked.Worlds, kinds: Sequence[str], methods: Sequence[str]
) -> Iterator[Row]:
    for kind in kinds:
        for method in methods:
            match kind:
                case "shuffled":
                    yield asked.shuffled(worlds, method)
                case "poisoned":
                    yield from asked.poisoned(worlds, method)
                case "drifting":
                    yield from asked.drifting(worlds, method)
                case _:
                    yield from asked.learnt(worlds, kind, method, REFERENCE)
            if kind == "bilinear":
                yield from asked.beside(worlds, kind, method, _BANDIT)
                yield from asked.generator(worlds, kind, method)
                yield from asked.served(worlds, kind, method)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="adloom bench learning-figures",
        description="What is asked of the learning loop, and what it reaches.",
    )
    parser.add_argument("--json", action="store_true", help="one list on stdout")
    parser.add_argument("--seeds", default=SEEDS, help="worlds, such as 900-909")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--methods", default=",".join(OURS), help="the product's")
    parser.add_argument("--impressions", type=int, default=100_000)
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    return parser


if __name__ == "__main__":
    sys.exit(main())
