"""A schema registry in the test's own process: the REST contract, nothing kept.

Written from the Confluent Schema Registry API reference: subjects, versions, ids,
compatibility per subject, error codes 40401, 40403 and 409. It stands in for a real
registry because none can be installed where these tests run.
"""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from fastavro.schema import to_parsing_canonical_form

from schemas.compatibility import incompatibilities


class Registry:
    """What the server knows, and the requests it got."""

    def __init__(self) -> None:
        self.url = ""
        self.schemas: dict[int, str] = {}
        self.subjects: dict[str, list[int]] = {}
        self.compatibility: dict[str, str] = {}
        self.requests: list[tuple[str, str, str | None]] = []
        self.broken: list[tuple[int, str, dict[str, str]]] = []
        """Answers given before any right one: status, content, headers."""

    def answer(self, method, path, body):
        match method, path.strip("/").split("/"):
            case "GET", ["schemas", "ids", number]:
                return self._schema(int(number))
            case "POST", ["subjects", subject]:
                return self._look_up(subject, body["schema"])
            case "POST", ["subjects", subject, "versions"]:
                return self._register(subject, body["schema"])
            case "PUT", ["config", subject]:
                self.compatibility[subject] = body["compatibility"]
                return 200, body
        return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}

    def add(self, subject: str, schema) -> int:
        """Register without a compatibility check; return the id."""
        number = len(self.schemas) + 101
        self.schemas[number] = schema if isinstance(schema, str) else json.dumps(schema)
        self.subjects.setdefault(subject, []).append(number)
        return number

    def _schema(self, number):
        if number not in self.schemas:
            return 404, {"error_code": 40403, "message": f"Schema {number} not found"}
        return 200, {"schema": self.schemas[number]}

    def _look_up(self, subject, schema):
        if subject not in self.subjects:
            return 404, {"error_code": 40401, "message": f"Subject '{subject}'"}
        for number in self.subjects[subject]:
            if canonical(self.schemas[number]) == canonical(schema):
                return 200, {"subject": subject, "id": number, "schema": schema}
        return 404, {"error_code": 40403, "message": "Schema not found"}

    def _register(self, subject, schema):
        for number in self.subjects.get(subject, []):
            writer = json.loads(self.schemas[number])
            problems = incompatibilities(json.loads(schema), writer)
            if problems and self.compatibility.get(subject) == "BACKWARD_TRANSITIVE":
                return 409, {"error_code": 409, "message": "; ".join(problems)}
        return 200, {"id": self.add(subject, schema)}


def canonical(schema: str) -> str:
    return to_parsing_canonical_form(json.loads(schema))


@contextmanager
def serve(tls: ssl.SSLContext | None = None) -> Iterator[Registry]:
    """Serve a new registry on loopback."""
    registry = Registry()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            registry.requests.append(
                (self.command, self.path, self.headers.get("Authorization"))
            )
            if registry.broken:
                status, content, headers = registry.broken.pop(0)
            else:
                status, answer = registry.answer(self.command, self.path, body)
                content, headers = json.dumps(answer), {}
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content.encode())))
            self.end_headers()
            self.wfile.write(content.encode())

        do_POST = do_PUT = do_GET  # noqa: N815  # http.server's names

        def log_message(self, *_):
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    registry.url = f"http://127.0.0.1:{server.server_port}"
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        registry.url = registry.url.replace("http", "https")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
