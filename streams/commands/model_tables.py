"""Rows and cards of `adloom models` -> tables for people, JSON for programs."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from streams.commands.models import Difference
from streams.commands.tables import print_json, show, table_of

_SHORT = 12
"""Characters of a digest that are shown."""


def print_list(rows: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    """Print the versions."""
    if as_json:
        print_json(rows)
        return
    if not rows:
        sys.stderr.write("no version yet: `adloom up` or `adloom trainer` makes one\n")
        return
    shown = [
        {
            "version": row["version"],
            "stage": row["stage"],
            "made": _instant(row["created_at"]),
            "parent": row["parent_version"],
            "examples": f"{row['n_examples']:,}",
            "clicks": f"{row['n_clicks']:,}",
            "digest": row["sha256"][:_SHORT],
        }
        for row in rows
    ]
    show(table_of(shown))


def print_card(card: dict[str, Any], *, as_json: bool) -> None:
    """Print a model card: what it is, what it learnt from, what the gates said."""
    if as_json:
        print_json(card)
        return
    shown = {**card, "created_at": _instant(card["created_at"])}
    names = [name for name in shown if name not in ("verdicts", "files")]
    show(table_of([{"": name, " ": shown[name]} for name in names]))
    print_verdicts(card["verdicts"])


def print_verdicts(found: Sequence[dict[str, Any]]) -> None:
    """Print what the gates said."""
    verdicts = [
        {
            "gate": one["gate"],
            "result": one["result"],
            "value": float(one["value"]),
            "limit": float(one["threshold"]),
            "why": one["detail"],
        }
        for one in found
    ]
    show(table_of(verdicts) if verdicts else "no gate was asked")


def print_import(found: dict[str, Any], *, as_json: bool) -> None:
    """Print what came of an import."""
    if as_json:
        print_json(found)
        return
    said = "passed its gates" if found["passed"] else "was refused by a gate"
    sys.stdout.write(f"{found['name']} version {found['version']} {said}\n")
    print_verdicts(found["verdicts"])


def print_differences(found: Sequence[Difference], *, as_json: bool) -> None:
    """Print what differs between two versions."""
    rows = [asdict(one) for one in found]
    if as_json:
        print_json(rows)
    else:
        show(table_of(rows) if rows else "the same")


def _instant(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
