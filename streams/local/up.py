"""`adloom up`: the whole system on this machine until Ctrl-C."""

import signal
import sys
import threading
from typing import Any

from streams.local.stack import LocalStack
from streams.settings import Settings

WATCH_S = 1.0


def run(settings: Settings) -> int:
    """Start everything, say where it answers, watch it; return the exit status."""
    ended = threading.Event()
    status = 0

    def end(number: int, _: Any) -> None:
        nonlocal status
        status = 128 + number if number == signal.SIGINT else 0
        ended.set()

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    with LocalStack(settings, settings.local.folder / "up") as stack:
        stack.wait_ready(ended)
        if not ended.is_set():
            sys.stderr.write(_where(stack))
        while not ended.wait(WATCH_S):
            stack.watch()
    return status


def _where(stack: LocalStack) -> str:
    """Return what another terminal needs, ready to be pasted there."""
    return (
        f"export KAFKA_BOOTSTRAP_SERVERS={stack.settings.kafka_bootstrap_servers}\n"
        f"export CLICKHOUSE_URL={stack.clickhouse_url}\n"
        f'curl "{stack.ad_server_url}/v1/ad?user=me&placement=feed-card&consent=1"\n'
        "Ctrl-C stops everything.\n"
    )
