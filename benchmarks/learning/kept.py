"""Runs that were made are kept under a digest of the code, and are not made again."""

import json
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from benchmarks.code_digest import ROOT, code_digest
from benchmarks.learning.run import Point, run

FOLDER = ROOT / "var" / "bench" / "learning"

_CODE = (
    "benchmarks/learning/*world.py",
    "benchmarks/learning/late.py",
    "benchmarks/learning/method.py",
    "benchmarks/learning/run.py",
    "benchmarks/learning/truth.py",
    "benchmarks/learning/methods/*.py",
    "model_export/*.py",
    "streams/core/creative/picking.py",
    "streams/core/creative/candidates.py",
    "streams/inference.py",
    "streams/simulate/likings.py",
    "streams/simulate/people.py",
)
"""What a result depends on: with other code it is measured again."""

Task = tuple[str, int, str, int]
"""Kind of world, seed, method, impressions."""


def made(
    folder: Path, tasks: Iterable[Task], jobs: int, *, warm: bool = False
) -> Iterator[tuple[Task, list[Point]]]:
    """Yield every task with its points as they are done, running what is missing.

    Args:
        folder: of all results.
        tasks: what is asked.
        jobs: processes at once.
        warm: learn from logged impressions first.

    Raises:
        UnavailableError: a kind needs the reference worlds, and they are not there.
    """
    own = folder / code_digest(_CODE)
    own.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(jobs) as pool:
        waiting = {pool.submit(_kept, own, task, warm=warm): task for task in tasks}
        for done in as_completed(waiting):
            points, task = done.result(), waiting[done]
            kind, seed, method, _ = task
            sys.stderr.write(f"{kind} {seed} {method}: done\n")
            yield task, points


def _kept(folder: Path, task: Task, *, warm: bool) -> list[Point]:
    """Return a run's points, from its file, or a longer run's, when there is one."""
    kind, seed, method, total = task
    name = f"{kind}-{seed}-{method}-"
    end = "-warm.json" if warm else ".json"
    for file in folder.glob(f"{name}*{end}"):
        length = file.name[len(name) : -len(end)]
        if length.isdigit() and int(length) >= total:
            kept: list[Point] = json.loads(file.read_text("utf-8"))
            return [point for point in kept if point["impressions"] <= total]
    points = run(kind, seed, method, total, warm=warm)
    file = folder / f"{name}{total}{end}"
    part = file.with_suffix(".part")
    part.write_text(json.dumps(points), "utf-8")
    part.replace(file)  # a killed run leaves no half result
    return points
