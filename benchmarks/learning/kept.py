"""Runs that were made are kept under a digest of the code, and are not made again."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

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
    "model_export/**/*.py",
    "streams/stages/creatives/picking.py",
    "streams/stages/creatives/candidates.py",
    "streams/stages/creatives/inference.py",
    "streams/demo/simulate/likings.py",
    "streams/demo/simulate/people.py",
)
"""What a result depends on: with other code it is measured again."""


class Task(NamedTuple):
    """One run: a method in a world."""

    kind: str
    seed: int
    method: str
    impressions: int
    warm: bool = False
    """Whether it learns from logged impressions first."""


def own_folder(folder: Path) -> Path:
    """Return the folder of the runs that this code made.

    Args:
        folder: of all results.
    """
    own = folder / code_digest(_CODE)
    own.mkdir(parents=True, exist_ok=True)
    return own


def made(
    folder: Path, tasks: Iterable[Task], jobs: int
) -> Iterator[tuple[Task, list[Point]]]:
    """Yield every task with its points as they are done, running what is missing.

    Args:
        folder: of all results.
        tasks: what is asked.
        jobs: processes at once; long runs begin first, so that they end together.

    Raises:
        UnavailableError: a kind needs the reference worlds, and they are not there.
    """
    own = own_folder(folder)
    ordered = sorted(tasks, key=lambda task: -task.impressions)
    # Torch may have threads here: a fork would copy their locks, and wait for ever.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(points_of, own, task): task for task in ordered}
        for done in as_completed(waiting):
            points, task = done.result(), waiting[done]
            sys.stderr.write(f"{task.kind} {task.seed} {task.method}: done\n")
            yield task, points


def already_made(
    folder: Path, tasks: Sequence[Task]
) -> Iterator[tuple[Task, list[Point]]]:
    """Yield the tasks that were made, whole or in part, and run nothing.

    Args:
        folder: of all results.
        tasks: what is asked; how many are missing is said on stderr.
    """
    own = own_folder(folder)
    n_whole = 0
    for task in tasks:
        length, points = _read(own, task)
        n_whole += length >= task.impressions
        if points:
            yield task, points
    sys.stderr.write(f"{n_whole} of {len(tasks)} runs are there in full\n")


def points_of(own: Path, task: Task) -> list[Point]:
    """Return a run's points, from a kept run that is as long, or made now.

    Args:
        own: folder of the runs that this code made.
        task: which run.
    """
    length, points = _read(own, task)
    if length >= task.impressions:
        return points
    kind, seed, method, total, warm = task
    points = run(kind, seed, method, total, warm=warm)
    file = own / f"{_name(task)}{total}{_end(task)}"
    part = file.with_suffix(".part")
    part.write_text(json.dumps(points), "utf-8")
    part.replace(file)  # a killed run leaves no half result
    return points


def _read(own: Path, task: Task) -> tuple[int, list[Point]]:
    """Return the longest kept run's impressions, 0 if none, and points as asked."""
    name, end = _name(task), _end(task)
    lengths = [
        int(length)
        for file in own.glob(f"{name}*{end}")
        if (length := file.name[len(name) : -len(end)]).isdigit()
    ]
    if not lengths:
        return 0, []
    longest = max(lengths)
    kept: list[Point] = json.loads((own / f"{name}{longest}{end}").read_text("utf-8"))
    return longest, [one for one in kept if one["impressions"] <= task.impressions]


def _name(task: Task) -> str:
    return f"{task.kind}-{task.seed}-{task.method}-"


def _end(task: Task) -> str:
    return "-warm.json" if task.warm else ".json"
