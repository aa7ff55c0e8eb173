"""TOML text + path of a key -> its line: tomllib keeps none."""

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from operator import eq

_HEADER = re.compile(r"\s*\[(\[?)([^\[\]]+)\]")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*[\w"'-]+)*)\s*=""")


def line_of(text: str, path: Sequence[str]) -> int:
    r"""Return the line, from 1, of the key or value nearest to what a path names.

    A path holds the names of tables and keys, the position in an array of tables, and
    last, if wanted, a text in the value. What is not written is taken to be where its
    table is.

    >>> line_of('name = "n"\n[a]\nb = [\n  "x"]', ["a", "b", "x"])
    4
    """
    lines = text.splitlines()
    best, depth, last = 1, 0, 0
    places = list(_places(lines))
    for position, (number, place) in enumerate(places):
        shared = sum(takewhile(bool, map(eq, place, path)))
        if shared > depth:
            best, depth = number, shared
            last = places[position + 1][0] if position + 1 < len(places) else 0
    quoted = [f"{mark}{path[-1]}{mark}" for mark in "\"'"] if path else []
    rest = lines[best - 1 : last - 1 if last else None]
    inside = (n for n, line in enumerate(rest) if any(q in line for q in quoted))
    return best + (next(inside, 0) if depth < len(path) else 0)


def _places(lines: Sequence[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield each line that begins a table or a key, with its path."""
    table: tuple[str, ...] = ()
    counts: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if header := _HEADER.match(line):
            table = _parts(header[2])
            if header[1]:
                counts[header[2]] = counts.get(header[2], 0) + 1
                table = (*table, str(counts[header[2]]))
            yield number, table
        elif key := _KEY.match(line):
            yield number, table + _parts(key[1])


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
