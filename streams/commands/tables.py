"""Rows -> a table for people, or JSON for programs, on stdout."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table


def show(*content: Any) -> None:
    """Print tables and lines."""
    Console(highlight=False).print(*content)


def print_json(content: Any) -> None:
    """Print one line of JSON."""
    sys.stdout.write(json.dumps(content) + "\n")


def table_of(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return rows as a table; the first row names the columns.

    Args:
        rows: at least one.
    """
    table = Table(box=None)
    for name in rows[0]:
        table.add_column(name)
    for row in rows:
        table.add_row(*map(_text, row.values()))
    return table


def _text(value: Any) -> str:
    """Return a value as a cell shows it: four digits of a float, a dash for nothing."""
    if value is None:
        return "–"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return f"{value:.4g}" if isinstance(value, float) else str(value)
