"""Rows and cards of `adloom models` -> tables for people, JSON for programs."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from streams.commands.models import Difference

_SHORT = 12
"""Characters of a digest that are shown."""


def print_list(rows: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    """Print the versions."""
    if as_json:
        _json(rows)
        return
    if not rows:
        sys.stderr.write("no version yet: `adloom up` or `adloom trainer` makes one\n")
        return
    table = _table("version", "stage", "made", "parent", "examples", "clicks", "digest")
    for row in rows:
        table.add_row(
            str(row["version"]),
            row["stage"],
            _instant(row["created_at"]),
            _text(row["parent_version"]),
            f"{row['n_examples']:,}",
            f"{row['n_clicks']:,}",
            row["sha256"][:_SHORT],
        )
    Console(highlight=False).print(table)


def print_card(card: dict[str, Any], *, as_json: bool) -> None:
    """Print a model card: what it is, what it learnt from, what the gates said."""
    if as_json:
        _json(card)
        return
    console = Console(highlight=False)
    table = _table("", "")
    for name, value in card.items():
        if name not in ("verdicts", "files"):
            shown = _instant(value) if name == "created_at" else _text(value)
            table.add_row(name, shown)
    console.print(table)
    print_verdicts(card["verdicts"])


def print_verdicts(found: Sequence[dict[str, Any]]) -> None:
    """Print what the gates said."""
    verdicts = _table("gate", "result", "value", "limit", "why")
    for one in found:
        value, limit = (f"{one[key]:.4g}" for key in ("value", "threshold"))
        verdicts.add_row(one["gate"], one["result"], value, limit, one["detail"])
    Console(highlight=False).print(verdicts)


def print_import(found: dict[str, Any], *, as_json: bool) -> None:
    """Print what came of an import."""
    if as_json:
        _json(found)
        return
    said = "passed its gates" if found["passed"] else "was refused by a gate"
    sys.stdout.write(f"{found['name']} version {found['version']} {said}\n")
    print_verdicts(found["verdicts"])


def print_differences(found: Sequence[Difference], *, as_json: bool) -> None:
    """Print what differs between two versions."""
    if as_json:
        _json([asdict(one) for one in found])
        return
    table = _table("what", "before", "after")
    for one in found:
        table.add_row(one.what, _text(one.before), _text(one.after))
    Console(highlight=False).print(table if found else "the same")


def _table(*columns: str) -> Table:
    table = Table(box=None)
    for column in columns:
        table.add_column(column)
    return table


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _instant(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _json(content: Any) -> None:
    sys.stdout.write(json.dumps(content) + "\n")
