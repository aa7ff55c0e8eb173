"""`adloom bench learning`: every method in every world; a run can go on later."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.figures import UnavailableError
from benchmarks.learning.chart import chart
from benchmarks.learning.kept import FOLDER, Task, already_made, made
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
        Task(kind, seed, method, given.impressions, given.warm)
        for kind in kinds
        for method in methods
        for seed in seeds(given.seeds)
    ]
    try:
        runs = dict(
            already_made(given.folder, tasks)
            if given.kept
            else made(given.folder, tasks, given.jobs)
        )
    except UnavailableError as error:
        sys.stderr.write(f"learning: skipped: {error}\n")
        return 0
    ordered: Runs = {
        (task.kind, task.method, task.seed): runs[task]
        for task in tasks
        if task in runs
    }
    _written(rows(ordered), given)
    return 0


def _written(table: list[dict[str, Any]], given: argparse.Namespace) -> None:
    """Print the rows, and write the files that were asked for."""
    for row in table:
        sys.stderr.write(to_text(row) + "\n")
    if given.json:
        sys.stdout.write(json.dumps(table, indent=1) + "\n")
    if given.html is not None:
        given.html.write_text(page(table), "utf-8")
    if given.svg is not None:
        first = [row for row in table if row["world"] == table[0]["world"]]
        given.svg.write_text(chart(first) + "\n", "utf-8")


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
    parser.add_argument("--svg", type=Path, help="write the first kind's curves")
    parser.add_argument("--seeds", default=SEEDS, help="worlds, such as 900-909")
    parser.add_argument("--kinds", default="bilinear", help=", ".join(KINDS))
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--impressions", type=int, default=100_000)
    parser.add_argument("--warm", action="store_true", help="20,000 logged ones first")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    parser.add_argument("--kept", action="store_true", help="run nothing that misses")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    return parser


if __name__ == "__main__":
    sys.exit(main())
