"""`adloom bench learning-figures`: what was asked of a loop that learns, and reached.

Derives every figure from the runs of `adloom bench learning`: those that were made are
read, the others are made now, or left out with `--kept`. Intervals are over worlds.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.figures import Row, UnavailableError, to_json, to_text
from benchmarks.learning import asked
from benchmarks.learning.__main__ import SEEDS, seeds
from benchmarks.learning.kept import FOLDER, Task, already_made, made
from benchmarks.learning.methods.catalogue import METHODS, REFERENCE
from benchmarks.learning.run import BACK_AT, CHECKPOINTS
from benchmarks.learning.world import KINDS

OURS = ("ours-gan", "ours-vae")
PRODUCTS = tuple(name for name in METHODS if name.startswith("ours-"))
"""Methods that tell what is asked: no other predicts clicks, or has a generator."""
BILINEAR, WARM = "bilinear", "warm"
CHAPTERS = (*KINDS, WARM)
"""Kinds of worlds, and bilinear ones where 20,000 logged impressions come first."""

_BANDIT = "library-bandit"
_WITHOUT_PEERS = ("shuffled", "poisoned", "drifting")
"""Kinds that ask something of ours alone."""
_LONG, _USUAL = 300_000, 100_000
"""Impressions of bilinear worlds, and of the others unless they drift."""
_MORE_CLICKS = 1.05
"""CTR that is asked beside LinTS, from 100,000 impressions on."""
_GAPS = {
    (BILINEAR, "ours-gan"): {10_000: 15.0, 30_000: 26.0, 100_000: 43.0, 300_000: 57.0},
    (BILINEAR, "ours-vae"): {10_000: 15.0, 30_000: 25.0, 100_000: 41.0, 300_000: 54.0},
    (WARM, "ours-gan"): {10_000: 24.0, 30_000: 34.0, 100_000: 46.0},
    (WARM, "ours-vae"): {10_000: 24.0, 30_000: 34.0, 100_000: 46.0},
}
"""Percent of the gap that are asked, by impressions."""


def main(arguments: list[str] | None = None) -> int:
    """Run what is missing and print the table; return the exit status."""
    given = _parser().parse_args(arguments)
    kinds, methods = given.kinds.split(","), given.methods.split(",")
    unknown = [*set(kinds).difference(CHAPTERS), *set(methods).difference(PRODUCTS)]
    if unknown:
        known = f"kinds {', '.join(CHAPTERS)}; methods {', '.join(PRODUCTS)}"
        sys.stderr.write(f"not summed up: {', '.join(unknown)}; expected {known}\n")
        return 2
    worlds = seeds(given.seeds)
    tasks = [
        task
        for kind in kinds
        for seed in worlds
        for task in _tasks(kind, seed, methods, given.impressions)
    ]
    tasks = list(dict.fromkeys(tasks))
    runs: asked.Runs = {}
    try:
        for task, points in (
            already_made(given.folder, tasks)
            if given.kept
            else made(given.folder, tasks, given.jobs)
        ):
            kind = WARM if task.warm else task.kind
            runs[kind, task.method, task.seed] = points
    except UnavailableError as error:
        sys.stderr.write(f"learning-figures: skipped: {error}\n")
        return 0
    every = _rows(asked.Worlds(runs, worlds), kinds, methods, given.impressions)
    rows = [row for row in every if row.n_runs]
    for one in rows:
        sys.stderr.write(to_text(one) + "\n")
    if given.json:
        sys.stdout.write(to_json(rows) + "\n")
    return 0


def _tasks(kind: str, seed: int, methods: Sequence[str], total: int) -> Iterator[Task]:
    """Yield the runs of one world that a chapter is made of."""
    usual = min(total, _USUAL)
    truth = BILINEAR if kind == WARM else kind
    last = {BILINEAR: total, "drifting": BACK_AT}.get(kind, usual)
    peers = () if kind in _WITHOUT_PEERS else (REFERENCE,)
    for method in (*peers, *methods):
        yield Task(truth, seed, method, last, warm=kind == WARM)
    if kind == BILINEAR:
        yield Task(kind, seed, _BANDIT, usual)
    if kind == "poisoned":  # beside clean worlds
        for method in methods:
            yield Task(BILINEAR, seed, method, total)


def _rows(
    worlds: asked.Worlds, kinds: Sequence[str], methods: Sequence[str], total: int
) -> Iterator[Row]:
    usual = min(total, _USUAL)
    for kind in kinds:
        for method in methods:
            match kind:
                case "shuffled":
                    yield asked.shuffled(worlds, method, usual)
                case "poisoned":
                    yield from asked.poisoned(worlds, method, usual)
                case "drifting":
                    yield from asked.drifting(worlds, method)
                case _:
                    yield from _learnt(worlds, (kind, method))


def _learnt(worlds: asked.Worlds, own: asked.Asked) -> Iterator[Row]:
    """Yield what is learnt by each number of impressions."""
    is_reference = own[0] == BILINEAR
    for n in CHECKPOINTS:
        yield asked.closed(worlds, own, n, _GAPS.get(own, {}).get(n))
        more = _MORE_CLICKS if n >= _USUAL else None
        as_many = 0.98 if is_reference and n == _USUAL else None
        yield from asked.beside(worlds, own, REFERENCE, n, more, as_many)
        if is_reference:
            more = 1.10 if n == _USUAL else None
            yield from asked.beside(worlds, own, _BANDIT, n, more)
            yield from asked.generator(worlds, own, n)
        yield from asked.served(worlds, own, n, 0.03 if is_reference else None)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="adloom bench learning-figures",
        description="What is asked of the learning loop, and what it reaches.",
    )
    parser.add_argument("--json", action="store_true", help="one list on stdout")
    parser.add_argument("--seeds", default=SEEDS, help="worlds, such as 900-909")
    parser.add_argument("--kinds", default=",".join(CHAPTERS))
    parser.add_argument("--methods", default=",".join(OURS), help="the product's")
    parser.add_argument(
        "--impressions",
        type=int,
        default=_LONG,
        help="at most, in bilinear worlds; others have 100,000, drifting ones 200,000",
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    parser.add_argument("--kept", action="store_true", help="run nothing that misses")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    return parser


if __name__ == "__main__":
    sys.exit(main())
