"""Rows of a run <-> benchmarks/results/<machine>/<date>.json: what the docs may cite.

A measured row takes the place of an earlier one of the same name and day.
"""

import json
import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.code_digest import ROOT, code_digest
from benchmarks.figures import Row
from benchmarks.machine import describe, memory_gib, processor

RESULTS = ROOT / "benchmarks" / "results"
_CODE = [
    f"{package}/**/*.{ending}"
    for package in ("schemas", "model_export", "streams", "benchmarks")
    for ending in ("py", "pyx", "pxi", "pxd", "java")
]

Artefact = dict[str, Any]
"""A `Row` with figure, date, commit, code digest and command."""


def machine_name() -> str:
    """Return the folder's name: processor, cores and memory.

    >>> machine_name().endswith("-gib")
    True
    """
    told = f"{processor()} {os.cpu_count()} cores {memory_gib():.0f} GiB"
    return re.sub(r"[^a-z0-9]+", "-", told.lower()).strip("-")


def key_of(row: Mapping[str, Any]) -> str:
    """Return what a table names a row by."""
    return row["name"] + (f" beside {row['peer']}" if row.get("peer") else "")


def write(
    rows: Sequence[tuple[str, Row]], command: str, results: Path = RESULTS
) -> Path:
    """Add rows to today's file; those of the same name are replaced.

    Args:
        rows: each with the name of its figure.
        command: that measured them.
        results: folder of all machines.
    """
    date = time.strftime("%Y-%m-%d", time.gmtime())
    file = results / machine_name() / f"{date}.json"
    made_by = {"commit": _commit(), "code": code_digest(_CODE), "command": command}
    kept = json.loads(file.read_text("utf-8"))["rows"] if file.exists() else []
    found = {key_of(row): row for row in kept}
    for figure, row in rows:
        artefact = {"figure": figure, **asdict(row), **made_by}
        found[key_of(artefact)] = artefact
    said = {"source": "measured", "machine": describe(), "rows": list(found.values())}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return file


def newest(machine: str, results: Path = RESULTS) -> dict[str, Artefact]:
    """Return the newest row of each name, with its date and source.

    A row that was measured on an earlier day too has that day's under `before`.

    Args:
        machine: name of a folder.
        results: folder of all machines.

    Raises:
        FileNotFoundError: nothing was measured there.
    """
    files = sorted((results / machine).glob("*.json"))
    if not files:
        raise FileNotFoundError(f"no artefacts in {results / machine}")
    found: dict[str, Artefact] = {}
    for file in files:
        said = json.loads(file.read_text("utf-8"))
        shared = {"date": file.stem[:10]}
        shared |= {name: said[name] for name in said.keys() - {"rows"}}
        for row in said["rows"]:
            key = key_of(row)
            found[key] = shared | row | {"before": found.get(key)}
    return found


def table(page: str, name: str, results: Path = RESULTS) -> dict[str, Any]:
    """Return a table that was typed off the output of commands.

    It stands for figures of before artefacts were kept: `head` and `rows` of cells.

    Args:
        page: the page's name without its ending.
        name: of the table in that page.
        results: folder of all artefacts.

    Raises:
        FileNotFoundError, KeyError: there is none.
    """
    said = json.loads((results / "tables" / f"{page}.json").read_text("utf-8"))
    found: dict[str, Any] = said["tables"][name]
    return found


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=7"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"
