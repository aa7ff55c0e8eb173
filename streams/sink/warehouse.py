"""Settings -> the process that owns the analytics: sink, ClickHouse, and its HTTP door.

The engine in process belongs to one process, so the same process writes it (the sink)
and answers for it (HTTP on loopback, read-only). With CLICKHOUSE_URL there is only the
sink: the server answers for itself.
"""

import signal
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

import structlog

from schemas.avro import SchemaIds
from schemas.records import Record
from streams.clickhouse.client import connect, migrate
from streams.clickhouse.http import ClickHouseHttpServer
from streams.clickhouse.reader import ReadOnlyClickHouse
from streams.kafka.connection import checked_connection
from streams.runtime.health import serve_health
from streams.settings import Settings
from streams.sink.consumer import Sink
from streams.sink.intake import REPORTED_BY_STAGES
from streams.sink.store import Store

LOG = structlog.get_logger(__name__)


def clickhouse_folder(settings: Settings) -> Path:
    """Return where the engine in process keeps its data."""
    return settings.local.folder / "clickhouse"


def run(
    settings: Settings,
    ids: SchemaIds,
    *,
    reported_by_stages: frozenset[type[Record]] = REPORTED_BY_STAGES,
) -> int:
    """Run until SIGTERM or SIGINT; return the exit status. Main thread only.

    A first signal stops polling, writes, commits and leaves; a second ends at once.

    Raises:
        ConfigurationError: wrong addresses.
        UnavailableError: the broker, ClickHouse or a port is missing, or went away.
        StateError: the schema of the database, or rows, do not fit.
    """
    connection = checked_connection(settings)
    with ExitStack() as stack:
        folder = clickhouse_folder(settings)
        client = connect(settings.clickhouse_url or None, folder)
        stack.callback(client.close)
        applied = migrate(client)
        LOG.info("ClickHouse is open", migrations_applied=applied)
        if not settings.clickhouse_url:
            door = ClickHouseHttpServer(
                ReadOnlyClickHouse(folder),
                settings.local.host,
                settings.local.clickhouse_port,
            )
            LOG.info("ClickHouse answers", url=stack.enter_context(door).url)
        sink = Sink(
            connection,
            settings.kafka,
            ids,
            Store(client),
            reported_by_stages=reported_by_stages,
        )
        health = serve_health(
            settings.local.host,
            settings.local.metrics_port,
            ready=sink.is_ready,
            live=sink.is_live,
        )
        if health is not None:
            stack.callback(health.server_close)
            stack.callback(health.shutdown)
        _stop_on_signals(sink)
        sink.run()
    return 0


def _stop_on_signals(sink: Sink) -> None:
    def stop(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        sink.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
