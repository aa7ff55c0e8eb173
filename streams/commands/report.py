"""`adloom report [--json]`: what ClickHouse says of the effect, the gates, the rest."""

import json
import sys
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from streams.clickhouse import analytics
from streams.clickhouse.client import connect_to_read
from streams.clickhouse.effects import effect_by_arm
from streams.errors import ConfigurationError
from streams.settings import Settings


def run(settings: Settings, *, as_json: bool) -> int:
    """Print the report; return the exit status.

    Raises:
        ConfigurationError, UnavailableError: there is no ClickHouse to ask.
    """
    if not settings.clickhouse_url:
        raise ConfigurationError(
            "CLICKHOUSE_URL is not set: expected the address that `adloom up` prints"
        )
    client = connect_to_read(settings.clickhouse_url)
    effects = effect_by_arm(client)
    report: dict[str, Any] = {
        "arms": [asdict(effect) for effect in effects],
        "freshness": asdict(
            analytics.event_to_creative(client, settings.requests.cooldown_s)
        ),
        "releases": [asdict(release) for release in analytics.releases(client)],
        "verdicts": [asdict(v) for v in analytics.gate_verdicts(client)],
        "dead_letters": [asdict(letter) for letter in analytics.dead_letters(client)],
    }
    if as_json:
        sys.stdout.write(json.dumps(report) + "\n")
        return 0
    console = Console(highlight=False)
    for title, rows in report.items():
        console.print(f"\n[bold]{title.replace('_', ' ').capitalize()}[/bold]")
        console.print(_table(rows if isinstance(rows, list) else [rows]))
    return 0


def _table(rows: list[dict[str, Any]]) -> Table | str:
    if not rows:
        return "  none"
    table = Table(box=None)
    for name in rows[0]:
        table.add_column(name)
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    return table


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
