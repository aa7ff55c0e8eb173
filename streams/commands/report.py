"""`adloom report [--json]`: what ClickHouse says of the effect, the gates, the rest."""

from dataclasses import asdict
from typing import Any

from streams.clickhouse import analytics
from streams.clickhouse.client import connect_to_read
from streams.clickhouse.effects import effect_by_arm
from streams.commands.tables import print_json, show, table_of
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
        print_json(report)
        return 0
    for title, found in report.items():
        show(f"\n[bold]{title.replace('_', ' ').capitalize()}[/bold]")
        rows = found if isinstance(found, list) else [found]
        show(table_of(rows) if rows else "  none")
    return 0
