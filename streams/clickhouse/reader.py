"""A query as text -> ClickHouse's answer from the engine in this process, read-only.

Each query gets an engine handle of its own, restricted to reading within limits that it
cannot change (streams/clickhouse/readonly.py).
"""

import json
import re
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from streams.clickhouse.client import DATABASE, engine_options
from streams.clickhouse.readonly import (
    QueryRefusedError,
    admitted,
    restrict,
    settings_to_apply,
)

N_CONCURRENT = 4
_PATIENCE_S = 5.0

_UNKNOWN_FORMAT = 73
_UNKNOWN_DATABASE = 81
_TOO_BUSY = 202
_NOT_IMPLEMENTED = 48
_TOO_BIG = 396
_STATUS = {
    6: HTTPStatus.BAD_REQUEST,
    36: HTTPStatus.BAD_REQUEST,
    47: HTTPStatus.NOT_FOUND,
    _NOT_IMPLEMENTED: HTTPStatus.NOT_IMPLEMENTED,
    60: HTTPStatus.NOT_FOUND,
    62: HTTPStatus.BAD_REQUEST,
    _UNKNOWN_FORMAT: HTTPStatus.BAD_REQUEST,
    _UNKNOWN_DATABASE: HTTPStatus.NOT_FOUND,
    159: HTTPStatus.REQUEST_TIMEOUT,
    164: HTTPStatus.FORBIDDEN,
    _TOO_BUSY: HTTPStatus.SERVICE_UNAVAILABLE,
    456: HTTPStatus.BAD_REQUEST,
    457: HTTPStatus.BAD_REQUEST,
    497: HTTPStatus.FORBIDDEN,
}
"""HTTP status of ClickHouse's error codes; 500 for the others."""

_NAMES = {
    _NOT_IMPLEMENTED: "NOT_IMPLEMENTED",
    62: "SYNTAX_ERROR",
    _UNKNOWN_FORMAT: "UNKNOWN_FORMAT",
    _UNKNOWN_DATABASE: "UNKNOWN_DATABASE",
    164: "READONLY",
    _TOO_BUSY: "TOO_MANY_SIMULTANEOUS_QUERIES",
    _TOO_BIG: "TOO_MANY_ROWS_OR_BYTES",
    497: "ACCESS_DENIED",
}
"""ClickHouse's names for the errors that are raised here and not by the engine."""

_CONTENT_TYPES = {
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "TSV": "text/tab-separated-values; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8",
    "JSON": "application/json; charset=UTF-8",
    "Native": "application/octet-stream",
    "RowBinary": "application/octet-stream",
    "Arrow": "application/vnd.apache.arrow.file",
    "Parquet": "application/vnd.apache.parquet",
}
_FORMAT_CLAUSE = re.compile(r" FORMAT (\w+)$")
_CODE = re.compile(r"Code: (\d+)")


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """What one query may cost."""

    seconds: float = 30.0
    result_rows: int = 1_000_000
    result_bytes: int = 64 * 1024 * 1024
    memory_bytes: int = 1_000_000_000

    def settings(self) -> dict[str, str]:
        """Return them as ClickHouse settings."""
        return {
            "max_execution_time": str(self.seconds),
            "max_result_rows": str(self.result_rows),
            "max_result_bytes": str(self.result_bytes),
            "max_memory_usage": str(self.memory_bytes),
            "result_overflow_mode": "throw",
            "timeout_overflow_mode": "throw",
            "max_threads": "2",
        }


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer."""

    status: HTTPStatus
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class ReadOnlyClickHouse:
    """Answers queries about the engine that this process owns.

    Args:
        folder: the engine's folder, as given to `streams.clickhouse.client.connect`.
        limits: of each query.
    """

    def __init__(self, folder: Path, limits: QueryLimits | None = None) -> None:
        self._path = f"{folder.resolve()}?{urlencode(engine_options())}"
        self._limits = limits or QueryLimits()
        self._slots = threading.BoundedSemaphore(N_CONCURRENT)
        handle = self._open(QueryLimits().settings())
        try:
            formats = "SELECT name FROM system.formats WHERE is_output"
            listed = handle.query(formats, "TSV").bytes().decode()
            self._formats = frozenset(listed.splitlines())
            self._version = handle.query("SELECT version()", "TSV").bytes().decode()
        finally:
            handle.close()

    def answer(self, sql: str, parameters: dict[str, str]) -> Reply:
        """Run one query; errors are answers too, as ClickHouse writes them."""
        if not self._slots.acquire(timeout=_PATIENCE_S):
            return self.refusal(_TOO_BUSY, "too many simultaneous queries; try again")
        try:
            return self._run(sql, parameters)
        except QueryRefusedError as error:
            return self.refusal(error.code, str(error))
        except Exception as error:  # noqa: BLE001 - chdb raises what it likes
            found = _CODE.search(str(error))
            return self.refusal(int(found[1]) if found else 0, str(error))
        finally:
            self._slots.release()

    def drain(self) -> None:
        """Wait until no query runs any more, and let none start."""
        for _ in range(N_CONCURRENT):
            self._slots.acquire(timeout=self._limits.seconds)

    def _run(self, sql: str, parameters: dict[str, str]) -> Reply:
        database = parameters.get("database", DATABASE)
        if database not in (DATABASE, "default"):
            raise QueryRefusedError(
                _UNKNOWN_DATABASE,
                f"database {database} does not exist here: expected {DATABASE}",
            )
        if parameters.get("compress") == "1" or parameters.get("decompress") == "1":
            raise QueryRefusedError(
                _NOT_IMPLEMENTED, "compress=1: use Accept-Encoding: gzip instead"
            )
        applied = settings_to_apply(parameters)
        handle = self._open({**applied, **self._limits.settings()})
        try:
            return self._query(handle, sql, parameters)
        finally:
            handle.close()

    def _query(self, handle: Any, sql: str, parameters: dict[str, str]) -> Reply:
        query = admitted(handle, sql)
        clause = _FORMAT_CLAUSE.search(query)
        name = clause[1] if clause else parameters.get("default_format", "TabSeparated")
        if name not in self._formats:
            raise QueryRefusedError(_UNKNOWN_FORMAT, f"Unknown format {name}")
        bound = {
            key.removeprefix("param_"): value
            for key, value in parameters.items()
            if key.startswith("param_")
        }
        result = handle.query(query, name, params=bound)
        body: bytes = result.bytes()
        if len(body) > self._limits.result_bytes:
            raise QueryRefusedError(
                _TOO_BIG,
                f"Limit for result exceeded, max bytes: {self._limits.result_bytes}, "
                f"current bytes: {len(body)}",
            )
        summary = {
            "read_rows": str(result.storage_rows_read()),
            "read_bytes": str(result.storage_bytes_read()),
            "written_rows": "0",
            "written_bytes": "0",
            "result_rows": str(result.rows_read()),
            "result_bytes": str(len(body)),
            "elapsed_ns": str(int(result.elapsed() * 1e9)),
        }
        headers = {
            "Content-Type": _content_type(name),
            "X-ClickHouse-Format": name,
            "X-ClickHouse-Summary": json.dumps(summary),
        }
        return Reply(HTTPStatus.OK, body, headers)

    def _open(self, settings: dict[str, str]) -> Any:
        """Return an engine handle that can only read, with these settings for good."""
        import chdb  # noqa: PLC0415 - an extra

        handle = chdb.connect(self._path)
        try:
            restrict(handle, settings)
        except BaseException:
            handle.close()
            raise
        return handle

    def refusal(self, code: int, message: str) -> Reply:
        """Return an error as ClickHouse writes it."""
        start = message.find("Code: ")
        message = message[max(start, 0) :].strip()
        if not message.startswith("Code:"):
            name = _NAMES.get(code, "UNKNOWN_EXCEPTION")
            message = f"Code: {code}. DB::Exception: {message}. ({name})"
        return Reply(
            _STATUS.get(code, HTTPStatus.INTERNAL_SERVER_ERROR),
            f"{message} (version {self._version.strip()})\n".encode(),
            {
                "Content-Type": "text/plain; charset=UTF-8",
                "X-ClickHouse-Exception-Code": str(code),
            },
        )


def _content_type(name: str) -> str:
    if name.startswith("JSON"):
        name = "JSON"
    return _CONTENT_TYPES.get(name, "text/plain; charset=UTF-8")
