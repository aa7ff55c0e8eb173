"""An engine session that only reads, and the few queries it must not be given.

ClickHouse's own means do the work: a session without roles may only SELECT from one
database (engine.xml), `readonly` freezes its settings, limits bound a query. What the
engine in process lets everybody do is refused by name: it writes INTO OUTFILE, and
`file()`, the machine's own functions and most tables of `system` need no grant there.
"""

import re
from collections.abc import Mapping
from typing import Any

from streams.clickhouse.client import DATABASE
from streams.errors import AdloomError, StateError

SYNTAX_ERROR = 62
READONLY = 164
ACCESS_DENIED = 497

_STATEMENT = re.compile(
    r"\(*(SELECT|WITH|DESCRIBE|EXISTS|EXPLAIN|SHOW (TABLES|DATABASES|CREATE|COLUMNS|"
    r"FULL))\b"
)
_TEXT_OR_NAME = re.compile(r"'(?:\\.|[^'\\])*'|`((?:\\.|[^`\\])*)`", re.DOTALL)
_FORBIDDEN = (
    (SYNTAX_ERROR, re.compile("['\"]")),  # what is left of quotes is not understood
    (READONLY, re.compile(r"\b(INTO OUTFILE|SETTINGS|PARALLEL WITH)\b")),
    (
        ACCESS_DENIED,
        re.compile(
            r"\b(file|filesystem\w*|merge|sqlite|mergeTree\w*|information_schema|hostName|"
            r"fullHostName|FQDN|displayName|serverUUID|tcpPort|buildId|globalVariable|"
            r"get(?:Macro|Server|Setting|OS|Client)\w*|showCertificate|logTrace|"
            r"ai[A-Z]\w*)\b|:\s*Identifier",
            re.IGNORECASE,
        ),
    ),
    (
        ACCESS_DENIED,
        re.compile(
            r"\bsystem\s*\.\s*(?!(?:aggregate_function_combinators|columns|"
            r"data_type_families|databases|formats|functions|keywords|numbers|one|"
            r"settings|table_engines|table_functions|tables|time_zones|zeros)\b)\w*",
            re.IGNORECASE,
        ),
    ),
)

_SHOWING = re.compile(
    r"output_format_[a-z0-9_]+|aggregate_functions_null_for_empty|extremes|final|limit|"
    r"date_time_output_format|group_by_use_nulls|join_use_nulls|offset|transform_null_in|"
    r"session_timezone"
)
"""Settings in an address that are applied: they change how a result is shown."""

_IGNORED = re.compile(
    r"param_.*|(?:http|session|send|receive|connect|max|log|client_protocol)_\w+|"
    r"\w+_overflow_mode|add_http_cors_header|buffer_size|compress|decompress|database|"
    r"cancel_http_readonly_queries_on_client_close|default_format|password|priority|"
    r"enable_http_compression|query|query_id|quota_key|readonly|role|user|"
    r"wait_end_of_query"
)
"""Parameters that change no result: taken and left alone. Limits stay ours."""


class QueryRefusedError(AdloomError):
    """A query that may not run here; `code` is ClickHouse's number for it."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def restrict(handle: Any, settings: Mapping[str, str]) -> None:
    """Give up every right of an engine handle but reading, under these settings.

    Raises:
        StateError: the engine was started without the users of engine.xml.
    """
    values = {"function_sleep_max_microseconds_per_block": "1", **settings}
    clause = ", ".join(f"{name} = {_quoted(text)}" for name, text in values.items())
    for statement in (
        f"USE {DATABASE}",
        f"SET {clause}",
        "SET readonly = 1",
        "SET ROLE NONE",
    ):
        handle.query(statement, "TSV")
    if handle.query("CHECK GRANT READ ON FILE", "TSV").bytes() != b"0\n":
        raise StateError(
            "the ClickHouse engine runs without Adloom's users, a reader could write: "
            "open it with streams.clickhouse.client.connect first"
        )


def admitted(handle: Any, sql: str) -> str:
    """Return one query in the engine's own words, when it may be asked.

    Raises:
        QueryRefusedError: not one statement, or it does more than read.
    """
    escaped = sql.translate(_TSV_ESCAPES)
    question = "SELECT formatQuerySingleLine({sql:String})"
    try:
        answer = handle.query(question, "TSVRaw", params={"sql": escaped})
    except Exception as error:
        raise QueryRefusedError(
            SYNTAX_ERROR, str(error).split(": In scope")[0]
        ) from error
    canonical: str = answer.bytes().decode().removesuffix("\n")
    if not _STATEMENT.match(canonical):
        raise QueryRefusedError(
            READONLY,
            "Cannot execute query in readonly mode: expected SELECT, WITH, SHOW, "
            f"DESCRIBE, EXISTS or EXPLAIN, got {canonical[:20]}",
        )
    words = _TEXT_OR_NAME.sub(_without_text, canonical)
    for code, forbidden in _FORBIDDEN:
        if found := forbidden.search(words):
            raise QueryRefusedError(code, f"{found[0]} is not allowed here")
    return canonical


def settings_to_apply(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the settings among an address's parameters that change a result.

    Raises:
        QueryRefusedError: a setting may not be changed here.
    """
    for name in parameters:
        if not (_SHOWING.fullmatch(name) or _IGNORED.fullmatch(name)):
            raise QueryRefusedError(
                READONLY, f"Cannot modify '{name}' setting in readonly mode"
            )
    return {n: text for n, text in parameters.items() if _SHOWING.fullmatch(n)}


_TSV_ESCAPES = str.maketrans(
    {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"}
)
"""A query parameter is written as in a tab-separated file."""


def _without_text(quoted: re.Match[str]) -> str:
    """Return an identifier's characters without quotes, and nothing of a string."""
    return re.sub("['\"]", "", quoted[1] or "")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
