"""A process that is no stage -> its life: health, signals, work until it is told."""

import signal
from threading import Event
from typing import Any, Protocol

from streams.runtime.health import serve_health
from streams.settings import Settings


class Service(Protocol):
    """What runs until it is stopped."""

    ready: Event

    def run(self) -> None:
        """Work until stopped."""

    def stop(self, *_: Any) -> None:
        """End after the current step."""


def serve(service: Service, settings: Settings) -> int:
    """Run a service until SIGINT or SIGTERM; return the exit status."""
    signal.signal(signal.SIGTERM, service.stop)
    signal.signal(signal.SIGINT, service.stop)
    serve_health(
        settings.local.host, settings.local.metrics_port, ready=service.ready.is_set
    )
    service.run()
    return 0
