"""Artefacts -> the tables of docs/performance.md between their marks.

    python -m benchmarks docs [--write]

A page says where rows go: `<!-- figures: NAME NAME … -->` to `<!-- end -->` takes every
row of these figures, the newest of each name, machine by machine.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.artefacts import RESULTS, ROOT, Artefact, key_of, newest

PAGES = (ROOT / "docs" / "performance.md",)
_BLOCK = re.compile(r"<!-- figures: ([\w -]+) -->\n.*?<!-- end -->", re.DOTALL)
_HEAD = "| figure | median | low to high | beside | limit | n | measured |\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pages, or say which are out of date; return the exit status."""
    parser = argparse.ArgumentParser(prog="adloom bench docs")
    parser.add_argument("--write", action="store_true", help="write, not only compare")
    given = parser.parse_args(arguments)
    status = 0
    for page in PAGES:
        text = page.read_text("utf-8")
        wanted = rewritten(text)
        if given.write:
            page.write_text(wanted, "utf-8")
        elif wanted != text:
            sys.stderr.write(f"{page.relative_to(ROOT)}: not as the artefacts say\n")
            status = 1
    return status


def rewritten(text: str) -> str:
    """Return a page with each of its blocks as the artefacts say."""

    def block(found: re.Match[str]) -> str:
        names = found[1].split()
        tables = "".join(_table(folder.name, names) for folder in _machines())
        return f"<!-- figures: {found[1]} -->\n{tables}<!-- end -->"

    return _BLOCK.sub(block, text)


def _machines() -> list[Path]:
    return sorted(path for path in RESULTS.iterdir() if path.is_dir())


def _table(machine: str, figures: Sequence[str]) -> str:
    rows = [row for row in newest(machine).values() if row["figure"] in figures]
    if not rows:
        return ""
    rows.sort(key=lambda row: figures.index(row["figure"]))
    lines = "".join(map(_line, rows))
    return f"\n{rows[-1]['machine']}\n\n{_HEAD}{'| --- ' * 7}|\n{lines}\n"


def _line(row: Artefact) -> str:
    ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f} ×"
    limit = "" if row["target"] is None else _number(row["target"])
    missed = " (missed)" if row["reached"] is False else ""
    return (
        f"| {key_of(row)} | {_number(row['value'])} {row['unit']} "
        f"| {_number(row['low'])} to {_number(row['high'])} | {ratio} "
        f"| {limit}{missed} | {row['n_runs']} | {row['date']}, {row['commit']} |\n"
    )


def _number(value: float) -> str:
    """Return three digits, all of a large number.

    >>> _number(1_940_000), _number(0.4567), _number(27.0), _number(1.4e-6)
    ('1,940,000', '0.457', '27', '1.4e-06')
    """
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004
