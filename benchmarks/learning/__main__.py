"""`adloom bench learning`: every method in every world; a run can go on later."""

import argparse
import json
import sys
from pathlib import Path

from benchmarks.figures import UnavailableError
from benchmarks.learning.kept import FOLDER, made
from benchmarks.learning.methods.catalogue import METHODS
from benchmarks.learning.page import page
from benchmarks.learning.results import Runs, rows, to_text
from benchmarks.learning.world import KINDS

SEEDS = "0-4,10-14"
"""Worlds that are reported; nothing was tuned on them."""


def main(arguments: list[str] | None = None) -> int:
    """Run what is asked; return the exit status."""
    given = _parser().parse_args(arguments)
    kinds, methods = given.kinds.split(","), given.methods.split(",")
    unknown = [*set(kinds).difference(KINDS), *set(methods).difference(METHODS)]
    if unknown:
        known = f"kinds {', '.join(KINDS)}; methods {', '.join(METHODS)}"
        sys.stderr.write(f"unknown: {', '.join(unknown)}; expected {known}\n")
        return 2
    tasks = [
        (kind, seed, method, given.impressions)
        for seed in seeds(given.seeds)
        for kind in kinds
        for method in methods
    ]
    runs: Runs = {}
    try:
        for task, points in made(given.folder, tasks, given.jobs, warm=given.warm):
            kind, seed, method, _ = task
            runs[kind, method, seed] = points
    except UnavailableError as error:
        sys.stderr.write(f"learning: skipped: {error}\n")
        return 0
    ordered: Runs = {
        (kind, method, seed): runs[kind, method, seed]
        for kind in kinds
        for method in methods
        for seed in seeds(given.seeds)
    }
    found = rows(ordered)
    for row in found:
        sys.stderr.write(to_text(row) + "\n")
    if given.json:
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
    if given.html is not None:
        given.html.write_text(page(found), "utf-8")
    return 0


def seeds(text: str) -> list[int]:
    """Return the seeds in a list of numbers and ranges.

    >>> seeds("0-2,10")
    [0, 1, 2, 10]
    """
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="adloom bench learning", description="What is learnt from clicks."
    )
    parser.add_argument("--json", action="store_true", help="one list on stdout")
    parser.add_argument("--html", type=Path, help="write a page with the curves")
    parser.add_argument("--seeds", default=SEEDS, help="worlds, such as 900-909")
    parser.add_argument("--kinds", default="bilinear", help=", ".join(KINDS))
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--impressions", type=int, default=100_000)
    parser.add_argument("--warm", action="store_true", help="20,000 logged ones first")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    return parser


if __name__ == "__main__":
    sys.exit(main())
