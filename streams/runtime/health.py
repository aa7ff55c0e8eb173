"""`/livez`, `/readyz` and `/metrics` of a worker, from a thread of its own."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

_OK, _NOT_FOUND, _UNAVAILABLE = 200, 404, 503


class _Health(BaseHTTPRequestHandler):
    """Answers the three paths."""

    states: ClassVar[dict[str, Callable[[], bool]]]

    def do_GET(self) -> None:
        """Answer one request."""
        if self.path == "/metrics":
            self._answer(_OK, generate_latest())
        elif self.path in self.states:
            self._answer(_OK if self.states[self.path]() else _UNAVAILABLE, b"")
        else:
            self._answer(_NOT_FOUND, b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", CONTENT_TYPE_LATEST)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: probes come every second."""


def serve_health(
    host: str,
    port: int,
    *,
    ready: Callable[[], bool],
    live: Callable[[], bool] = lambda: True,
) -> ThreadingHTTPServer | None:
    """Answer health probes until the process ends; port 0 answers none.

    Args:
        host: address to bind to.
        port: port to bind to.
        ready: True when the process does its work.
        live: False when it should be replaced.
    """
    if not port:
        return None
    states = {"/livez": live, "/readyz": ready}
    handler = type("Health", (_Health,), {"states": states})
    server = ThreadingHTTPServer((host, port), handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server
