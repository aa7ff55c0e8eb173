"""`adloom bench learning`: every method in every world; a run can go on later."""

import argparse
import hashlib
import json
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from benchmarks.figures import UnavailableError
from benchmarks.learning.methods.catalogue import METHODS
from benchmarks.learning.page import page
from benchmarks.learning.results import Runs, rows, to_text
from benchmarks.learning.run import run
from benchmarks.learning.world import KINDS

ROOT = Path(__file__).resolve().parents[2]
SEEDS = "0-4,10-14"
"""Worlds that are reported; nothing was tuned on them."""

_CODE = (
    "benchmarks/learning/*.py",
    "benchmarks/learning/methods/*.py",
    "model_export/*.py",
    "streams/core/picking.py",
    "streams/core/candidates.py",
    "streams/inference.py",
)
"""What a result depends on: with other code it is measured again."""


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
        (kind, seed, method)
        for seed in seeds(given.seeds)
        for kind in kinds
        for method in methods
    ]
    folder = given.folder / _digest()
    folder.mkdir(parents=True, exist_ok=True)
    runs: Runs = {}
    try:
        with ProcessPoolExecutor(given.jobs) as pool:
            waiting = {
                pool.submit(
                    _kept, folder, *task, given.impressions, warm=given.warm
                ): task
                for task in tasks
            }
            for done in as_completed(waiting):
                kind, seed, method = waiting[done]
                runs[kind, method, seed] = done.result()
                sys.stderr.write(f"{kind} {seed} {method}: done\n")
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


def _kept(
    folder: Path, kind: str, seed: int, method: str, total: int, *, warm: bool
) -> list[dict[str, float]]:
    """Return a run's points, from its file when it was made before."""
    name = f"{kind}-{seed}-{method}-{total}{'-warm' if warm else ''}.json"
    file = folder / name
    if file.exists():
        kept: list[dict[str, float]] = json.loads(file.read_text("utf-8"))
        return kept
    points = run(kind, seed, method, total, warm=warm)
    part = file.with_suffix(".part")
    part.write_text(json.dumps(points), "utf-8")
    part.replace(file)  # a killed run leaves no half result
    return points


def _digest() -> str:
    sha = hashlib.sha256()
    for pattern in _CODE:
        for file in sorted(ROOT.glob(pattern)):
            sha.update(file.read_bytes())
    return sha.hexdigest()[:12]


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
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "var" / "bench" / "learning"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
