"""`adloom worker <stage>`: one stage, one process, until it is told to stop."""

import logging

import faust
import structlog

from streams.columns import compiled
from streams.engine.app import StageApp
from streams.engine.declaration import Declaration
from streams.engine.early_snapshots import EarlySnapshots
from streams.kafka.connection import checked_connection
from streams.runtime import garbage, heap, logs
from streams.runtime.health import serve_health
from streams.settings import Settings

LOG = structlog.get_logger(__name__)


def run(
    stage: Declaration, settings: Settings, early: EarlySnapshots | None = None
) -> int:
    """Run a stage until SIGINT or SIGTERM; return the exit status.

    Args:
        stage: what it declares.
        settings: all of them.
        early: snapshots that are being loaded already.

    Raises:
        ConfigurationError, UnavailableError: it cannot start.
    """
    checked_connection(settings)
    logs.configure()
    if compiled.missing():
        LOG.warning(
            "references in Python instead of compiled kernels: preferences take about "
            "200 times the CPU an event; install a C compiler, then adloom again",
            not_built=compiled.missing(),
        )
    app = StageApp(stage, settings)
    app.engine.load_early(early)
    serve_health(
        settings.local.host,
        settings.local.metrics_port,
        ready=app.is_ready,
        live=app.is_live,
    )
    worker = faust.Worker(
        app.faust, loglevel=logging.WARNING, redirect_stdouts=False, quiet=True
    )
    worker.spinner = None
    garbage.settle()
    heap.settle()
    try:
        worker.execute_from_commandline()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0
