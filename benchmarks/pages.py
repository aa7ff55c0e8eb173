"""Artefacts -> the tables of the docs between their marks.

    python -m benchmarks docs [--write]

A page says where figures go, up to `<!-- end -->`:

- `<!-- figures: NAME NAME … -->` takes every row of these figures, the newest of each
  name, machine by machine, with the value of the day before it was measured last;
- `<!-- table: NAME -->` takes a table of benchmarks/results/tables/PAGE.json.
"""

import argparse
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.artefacts import RESULTS, ROOT, Artefact, key_of, newest, table

PAGES = tuple(
    ROOT / "docs" / f"{name}.md" for name in ("performance", "learning", "images")
)
_BLOCK = re.compile(r"<!-- (figures|table): ([\w -]+) -->\n.*?<!-- end -->", re.DOTALL)
_HEAD = (
    "figure",
    "median",
    "low to high",
    "beside",
    "limit",
    "n",
    "measured",
    "before",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pages, or say which are out of date; return the exit status."""
    parser = argparse.ArgumentParser(prog="adloom bench docs")
    parser.add_argument("--write", action="store_true", help="write, not only compare")
    given = parser.parse_args(arguments)
    status = 0
    for page in PAGES:
        text = page.read_text("utf-8")
        wanted = rewritten(text, page.stem)
        if given.write:
            page.write_text(wanted, "utf-8")
        elif wanted != text:
            sys.stderr.write(f"{page.relative_to(ROOT)}: not as the artefacts say\n")
            status = 1
    return status


def rewritten(text: str, page: str) -> str:
    """Return a page with each of its blocks as the artefacts say.

    Args:
        text: of the page.
        page: its name without the ending.

    Raises:
        KeyError: there is no table of that name.
    """

    def block(found: re.Match[str]) -> str:
        kind, names = found[1], found[2]
        if kind == "table":
            typed = table(page, names, RESULTS)
            said = _markdown(typed["head"], typed["rows"])
        else:
            said = "".join(_table(one.name, names.split()) for one in _machines())
        return f"<!-- {kind}: {names} -->\n{said}<!-- end -->"

    return _BLOCK.sub(block, text)


def outside_of_blocks(text: str) -> str:
    """Return what of a page was not made of artefacts."""
    return _BLOCK.sub("", text)


def _machines() -> list[Path]:
    folders = (path for path in RESULTS.iterdir() if path.is_dir())
    return sorted(path for path in folders if path.name != "tables")


def _table(machine: str, figures: Sequence[str]) -> str:
    rows = [
        row for row in newest(machine, RESULTS).values() if row["figure"] in figures
    ]
    if not rows:
        return ""
    rows.sort(key=lambda row: figures.index(row["figure"]))
    return f"\n{rows[-1]['machine']}\n\n{_markdown(_HEAD, map(_cells, rows))}\n"


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    cells = ("".join(f" {one} |" if one else " |" for one in line) for line in lines)
    return "".join(f"|{line}\n" for line in cells)


def _cells(row: Artefact) -> list[str]:
    value, ratio, limit = row["value"], row["ratio"], row["target"]
    missed = " (missed)" if row["reached"] is False else ""
    ends = (row["low"], row["high"])
    return [
        key_of(row),
        "" if value is None else f"{_number(value)} {row['unit']}",
        "" if None in ends else " to ".join(map(_number, ends)),
        "" if ratio is None else f"{ratio:.2f} ×",
        "" if limit is None else _number(limit) + missed,
        str(row["n_runs"]),
        _when(row),
        _before(row["before"]),
    ]


def _before(row: Artefact | None) -> str:
    """Return the value of an earlier day: the ratio where there is a peer."""
    if row is None:
        return ""
    value = _number(row["value"]) if row["ratio"] is None else f"{row['ratio']:.2f} ×"
    return f"{value}: {_when(row)}"


def _when(row: Artefact) -> str:
    typed = ", typed off" if row["source"] == "transcribed" else ""
    return f"{row['date']}, {row['commit']}{typed}"


def _number(value: float) -> str:
    """Return three digits, all of a large number.

    >>> _number(1_940_000), _number(0.4567), _number(27.0), _number(1.4e-6)
    ('1,940,000', '0.457', '27', '1.4e-06')
    """
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004
