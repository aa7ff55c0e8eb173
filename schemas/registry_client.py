"""Paths and JSON -> a schema registry's REST interface -> status and JSON.

Reference: Confluent Schema Registry API, content type
`application/vnd.schemaregistry.v1+json`; Karapace and Apicurio's `/apis/ccompat/v7`
answer the same.
"""

import base64
import json
import ssl
import time
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, unquote, urlsplit, urlunsplit
from urllib.request import (
    HTTPRedirectHandler,
    HTTPSHandler,
    Request,
    build_opener,
)

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
MAX_ANSWER_BYTES = 1 << 20

_EXPECTED = (200, 404, 409)
_FIRST_SERVER_ERROR = 500


class SchemaRegistryError(ConnectionError):
    """The registry does not answer, or not as expected; trying again may help."""


class _NoRedirect(HTTPRedirectHandler):
    """A redirect may lead to another host, with our credentials: none is followed."""

    def redirect_request(self, *_: Any) -> None:
        return None


class RegistryClient:
    """Talks to one registry.

    Args:
        url: http(s)://[user:password@]host[:port][/path].
        user: user:password, where the address has none.
        tls: which certificates are trusted; by default the system's.
        timeout_s: for each attempt.
        attempts: how often a request is sent until the registry answers.
        sleep: waits between attempts, seconds.
    """

    def __init__(
        self,
        url: str,
        *,
        user: str = "",
        tls: ssl.SSLContext | None = None,
        timeout_s: float = 5.0,
        attempts: int = 3,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._base, self._authorization = _split(url, user)
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._sleep = sleep
        self._opener = build_opener(_NoRedirect, HTTPSHandler(context=tls))

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        """Return status (200 or 404) and the answer's JSON object."""
        return self._ask("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return status (200, 404 or 409) and the answer's JSON object."""
        return self._ask("POST", path, body)

    def put(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return status (200, 404 or 409) and the answer's JSON object."""
        return self._ask("PUT", path, body)

    def _ask(
        self, method: str, path: str, body: dict[str, Any] | None
    ) -> tuple[int, dict[str, Any]]:
        request = Request(  # noqa: S310  # _split allows http and https only
            f"{self._base}/{quote(path)}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE}
            | self._authorization,
            method=method,
        )
        for attempt in range(1, self._attempts + 1):
            try:
                return self._send(request)
            except (OSError, HTTPException) as error:
                if attempt == self._attempts or isinstance(error, SchemaRegistryError):
                    raise SchemaRegistryError(
                        f"schema registry {self._base}: {method} {path}: {error}"
                        f"{_advice(error)}"
                    ) from error
            self._sleep(0.1 * 2**attempt)
        raise AssertionError("the last attempt returns or raises")

    def _send(self, request: Request) -> tuple[int, dict[str, Any]]:
        try:
            with self._opener.open(request, timeout=self._timeout_s) as response:
                return response.status, _json(response.read(MAX_ANSWER_BYTES + 1))
        except HTTPError as error:
            with error:
                if error.code >= _FIRST_SERVER_ERROR:
                    raise OSError(f"status {error.code}") from error
                if error.code not in _EXPECTED:
                    raise SchemaRegistryError(_why(error)) from error
                return error.code, _json(error.read(MAX_ANSWER_BYTES + 1))


def _advice(error: Exception) -> str:
    cause = getattr(error, "reason", None)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return "; correct SCHEMA_REGISTRY_SSL_CA_FILE, or the host in the address"
    return ""


def _why(error: HTTPError) -> str:
    location = error.headers.get("Location")
    if location:
        return f"redirects to {location}: set SCHEMA_REGISTRY_URL to that address"
    advice = ""
    if error.code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        advice = "; correct SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD"
    return f"expected status 200, got {error.code} {error.reason}{advice}"


def _json(content: bytes) -> dict[str, Any]:
    if len(content) > MAX_ANSWER_BYTES:
        raise SchemaRegistryError(f"an answer longer than {MAX_ANSWER_BYTES} bytes")
    try:
        answer = json.loads(content)
    except ValueError as error:
        raise SchemaRegistryError(
            "expected JSON: is this a schema registry?"
        ) from error
    if not isinstance(answer, dict):
        raise SchemaRegistryError(
            f"expected a JSON object, got {type(answer).__name__}"
        )
    return answer


def _split(url: str, given: str) -> tuple[str, dict[str, str]]:
    """Return the address without credentials, and the header that carries them."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(
            "SCHEMA_REGISTRY_URL: expected http(s)://host[:port], "
            f"got a {parts.scheme or 'missing'} scheme"
        )
    user, _, host = parts.netloc.rpartition("@")
    base = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
    if user and given:
        raise ValueError(
            "SCHEMA_REGISTRY_URL names a user, and SCHEMA_REGISTRY_USERNAME is set "
            "too: expected one of them"
        )
    user = unquote(user) or given
    if not user:
        return base, {}
    token = base64.b64encode(user.encode()).decode()
    return base, {"Authorization": f"Basic {token}"}
