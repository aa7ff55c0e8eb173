"""HTTP on loopback -> the ClickHouse engine in this process, read-only.

The part of ClickHouse's HTTP interface that `curl`, clickhouse-connect and Grafana
use (clickhouse.com/docs/interfaces/http): GET and POST /, /ping, /replicas_status,
parameters, formats, gzip, its headers and its error texts.
"""

import gzip
import re
import threading
import uuid
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from streams.clickhouse.reader import ReadOnlyClickHouse, Reply
from streams.clickhouse.readonly import READONLY
from streams.errors import UnavailableError

MAX_QUERY_BYTES = 256 * 1024
_IDLE_S = 60.0


class ClickHouseHttpServer:
    """Serves a `ReadOnlyClickHouse` in threads; a context manager.

    Args:
        clickhouse: what answers.
        host: address to bind to; loopback unless you know why not.
        port: 0 takes a free one.

    Raises:
        UnavailableError: the port is busy.
    """

    def __init__(
        self, clickhouse: ReadOnlyClickHouse, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self._clickhouse = clickhouse
        try:
            self._server = _Server((host, port), clickhouse)
        except OSError as error:
            raise UnavailableError(
                f"port {port} on {host} cannot be used for ClickHouse's HTTP interface "
                f"({error.strerror}): stop what listens there, or set "
                "ADLOOM_LOCAL__CLICKHOUSE_PORT"
            ) from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="clickhouse-http", daemon=True
        )

    @property
    def url(self) -> str:
        """Address for clients; what CLICKHOUSE_URL takes."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def start(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Answer what runs, then stop; does nothing before `start`."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._clickhouse.drain()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], clickhouse: ReadOnlyClickHouse
    ) -> None:
        self.clickhouse = clickhouse
        super().__init__(address, _Exchange)
        self.names = {"localhost", "127.0.0.1", "[::1]", address[0]}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that goes away is no news."""


class _Exchange(BaseHTTPRequestHandler):
    server: _Server
    server_version = "Adloom"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_S

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if not self._is_for_us():
            self._send(Reply(HTTPStatus.MISDIRECTED_REQUEST, b"unknown Host\n"))
        elif path in ("/ping", "/replicas_status"):
            self._send(Reply(HTTPStatus.OK, b"Ok.\n"))
        elif path != "/":
            self._send(Reply(HTTPStatus.NOT_FOUND, b"There is no handle here: use /\n"))
        elif self.command == "GET" and not urlsplit(self.path).query:
            self._send(Reply(HTTPStatus.OK, b"Ok.\n"))
        else:
            self._send(self._answer())

    do_POST = do_GET  # noqa: N815 - http.server's name

    def log_message(self, *_: object) -> None:
        """Say nothing: queries may hold pseudonyms."""

    def _is_for_us(self) -> bool:
        """Refuse a page that had its own name resolved to loopback (DNS rebinding)."""
        name = self.headers.get("Host", "localhost")
        return re.sub(r":\d+$", "", name) in self.server.names

    def _answer(self) -> Reply:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            self.close_connection = True  # its body is not read
            return self.server.clickhouse.refusal(
                READONLY, "rows cannot be sent here, this interface is read-only"
            )
        try:
            body = self._body()
        except ValueError as error:
            self.close_connection = True
            return Reply(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{error}\n".encode())
        parameters = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        wanted = self.headers.get("X-ClickHouse-Format")
        if wanted:
            parameters.setdefault("default_format", wanted)
        database = self.headers.get("X-ClickHouse-Database")
        if database:
            parameters.setdefault("database", database)
        return self.server.clickhouse.answer(
            "\n".join(filter(None, [parameters.get("query", ""), body])), parameters
        )

    def _body(self) -> str:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_QUERY_BYTES:
            raise ValueError(
                f"a query has at most {MAX_QUERY_BYTES} bytes, got {length}"
            )
        if self.headers.get("Content-Encoding", "identity") != "identity":
            raise ValueError("Content-Encoding: send the query uncompressed")
        return self.rfile.read(length).decode("utf-8", "replace")

    def _send(self, reply: Reply) -> None:
        body = reply.body
        headers = {
            "Content-Type": "text/plain; charset=UTF-8",
            "X-ClickHouse-Server-Display-Name": "adloom",
            "X-ClickHouse-Query-Id": str(uuid.uuid4()),
            **reply.headers,
        }
        if "gzip" in self.headers.get("Accept-Encoding", "") and body:
            body = gzip.compress(body, compresslevel=1)
            headers["Content-Encoding"] = "gzip"
        self.send_response(reply.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
