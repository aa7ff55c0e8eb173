"""CLICKHOUSE_URL, or a folder -> a ClickHouse client whose schema is up to date.

The same client, SQL and migrations serve a server (`http(s)://`) and the engine in this
process (`chdb://`). One process at a time owns a folder of the latter.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.binding import quote_identifier
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import (
    ClickHouseError,
    OperationalError,
)
from clickhouse_migrations.connection import (
    ClickhouseConnectConnection,
)
from clickhouse_migrations.exceptions import (
    MigrationException,
)
from clickhouse_migrations.migration import (
    MigrationStorage,
)
from clickhouse_migrations.migrator import Migrator

from streams.clickhouse.access import load_access
from streams.errors import (
    AdloomError,
    ConfigurationError,
    StateError,
    UnavailableError,
)

DATABASE = "adloom"
"""Database of every table and view, unless the URL names another."""

_NO_SPACE = 243
_ACCESS_DENIED = 497
_AUTHENTICATION_FAILED = 516
_GRANT = re.compile(r"have the grant (.+? ON [^\s]+?)\.?(?: \(|$)")
_WANTS_CERTIFICATE = re.compile(
    "EOF occurred|certificate[ _]required|unknown[ _]ca|bad[ _]certificate",
    re.IGNORECASE,
)
_RETRIABLE_CODES = frozenset(
    {
        159,  # TIMEOUT_EXCEEDED
        164,  # READONLY: a server in maintenance
        202,  # TOO_MANY_SIMULTANEOUS_QUERIES
        209,  # SOCKET_TIMEOUT
        210,  # NETWORK_ERROR
        241,  # MEMORY_LIMIT_EXCEEDED
        242,  # TABLE_IS_READ_ONLY
        252,  # TOO_MANY_PARTS
    }
)
"""ClickHouse's codes for what may pass (its `ErrorCodes.cpp`)."""


def connect(url: str | None, folder: Path) -> Client:
    """Return a client of the database `adloom`, which is made when it is missing.

    Args:
        url: `http(s)://user:password@host:port/database` of a server; None or empty
            runs the engine in this process.
        folder: where the engine in this process keeps its data.

    Raises:
        ConfigurationError: the URL is none, the server refuses the user or the
            certificate, or the engine is not installed.
        UnavailableError: the server does not answer, another process owns the
            folder, or the disk is full.
    """
    client, database = _server(url) if url else (_in_process(folder), DATABASE)
    try:
        with explained():
            client.command(
                f"CREATE DATABASE IF NOT EXISTS {quote_identifier(database)}"
            )
            client.database = database
            # The engine in process binds a database when it is first used.
            client.command("SELECT 1")
    except BaseException:
        client.close()
        raise
    return client


def migrate(client: Client, folder: Path | None = None) -> list[int]:
    """Apply the migrations that this database lacks; return their numbers.

    Args:
        client: of the database.
        folder: numbered .sql files; those of this version of Adloom when None.

    Raises:
        StateError: an applied migration was changed, or is not known any more.
        UnavailableError: the database does not answer.
    """
    bundled = resources.as_file(resources.files("deploy.clickhouse"))
    with bundled as path, explained():
        migrator = Migrator(ClickhouseConnectConnection(client))
        try:
            migrator.init_schema()
            applied = migrator.apply_migration(
                MigrationStorage(folder or path).migrations(), multi_statement=True
            )
        except MigrationException as error:
            raise StateError(
                f"the schema of database {client.database} does not fit this version "
                f"of Adloom: {error} Never change a migration that was applied: add "
                "one; or point CLICKHOUSE_URL at another database"
            ) from error
    return [migration.version for migration in applied]


@contextmanager
def explained() -> Iterator[None]:
    """Turn a ClickHouse driver's errors into Adloom's.

    Raises:
        UnavailableError: what may pass: no answer, no space, overload.
        StateError: everything else.
    """
    try:
        yield
    except AdloomError:
        raise
    except ClickHouseError as error:
        raise explain(error) from error
    except OSError as error:
        raise UnavailableError(f"ClickHouse cannot be reached: {error}") from error


def explain(error: ClickHouseError) -> AdloomError:
    """Return the Adloom error that says what to do about a driver's error."""
    text = " ".join(str(error).split())[:500]
    if _code(error) == _NO_SPACE or "No space left" in text:
        return UnavailableError(f"ClickHouse has no disk space left: free some. {text}")
    if _code(error) in _RETRIABLE_CODES:
        return UnavailableError(f"ClickHouse is overloaded or read-only: {text}")
    if _code(error) == _ACCESS_DENIED:
        grant = _GRANT.search(text)
        return ConfigurationError(
            "the ClickHouse user has not the right that this needs: grant it "
            f"{grant[1] if grant else text}, as deploy/clickhouse/users/*.sql do"
        )
    if isinstance(error, OperationalError) and _code(error) is None:
        return UnavailableError(f"ClickHouse does not answer: {text}")
    return StateError(f"ClickHouse refused: {text}")


def connect_to_read(url: str) -> Client:
    """Return a client of a server's database `adloom`, which must be there.

    Raises:
        ConfigurationError: the URL is none, or the server refuses this client.
        UnavailableError: the server does not answer.
    """
    client, database = _server(url)
    client.database = database
    return client


def _server(url: str) -> tuple[Client, str]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(
            "CLICKHOUSE_URL: expected http://host:8123 or "
            f"https://user:password@host:8443/database, got scheme {parts.scheme!r}"
        )
    arguments: dict[str, Any] = {**load_access().arguments(parts)}
    try:
        client = clickhouse_connect.get_client(
            dsn=parts._replace(path="", query="", fragment="").geturl(),
            # A session would forbid two queries at a time.
            autogenerate_session_id=False,
            # The driver takes https from its own ports only.
            interface=parts.scheme,
            **arguments,
        )
    except (ClickHouseError, OSError) as error:
        raise _not_let_in(error, parts) from error
    return client, parts.path.strip("/") or DATABASE


def _not_let_in(error: Exception, url: SplitResult) -> AdloomError:
    """Return why there is no connection, in one sentence."""
    where, text = f"{url.scheme}://{url.hostname}:{url.port}", str(error)
    if isinstance(error, ClickHouseError) and _code(error) == _AUTHENTICATION_FAILED:
        return ConfigurationError(
            f"ClickHouse at {where} does not know this user with this password: "
            "correct CLICKHOUSE_USER, CLICKHOUSE_PASSWORD or CLICKHOUSE_PASSWORD_FILE"
        )
    if isinstance(error, ClickHouseError) and _code(error) == _ACCESS_DENIED:
        return explain(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return ConfigurationError(
            f"the certificate of ClickHouse at {where} is not trusted: set "
            "CLICKHOUSE_CA_FILE to a PEM file of its authority "
            f"({text[text.index('CERTIFICATE_VERIFY_FAILED') :][:120]})"
        )
    if _WANTS_CERTIFICATE.search(text):
        return ConfigurationError(
            f"ClickHouse at {where} refuses this client's certificate: set "
            "CLICKHOUSE_CERT_FILE and CLICKHOUSE_KEY_FILE to those it trusts"
        )
    hint = ", or set CLICKHOUSE_CERT_FILE if it wants one" * (url.scheme == "https")
    return UnavailableError(
        f"no ClickHouse answers at {where}: start it, or correct CLICKHOUSE_URL{hint} "
        f"({error})"
    )


def engine_options() -> dict[str, str]:
    """Return what the engine in process is started with: its users and their rights."""
    users = str(Path(__file__).with_name("engine.xml"))
    return {"config-file": users, "users_config": users}


def _in_process(folder: Path) -> Client:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnavailableError(
            f"cannot make the ClickHouse folder {folder}: {error.strerror}"
        ) from error
    try:
        return clickhouse_connect.get_client(
            dsn=f"chdb://{folder.resolve()}", chdb_options=engine_options()
        )
    except ImportError as error:
        raise ConfigurationError(
            "no ClickHouse in process: chdb-core is not installed. "
            'Run: pip install "adloom[local]", or set CLICKHOUSE_URL'
        ) from error
    except ClickHouseError as error:
        raise UnavailableError(
            f"the ClickHouse engine cannot open {folder}: most likely another process "
            "owns it (stop that, or set another ADLOOM_LOCAL__FOLDER), or the disk is "
            f"full. The engine says: {' '.join(str(error).split())[:300]}"
        ) from error


def _code(error: ClickHouseError) -> int | None:
    code: int | None = getattr(error, "code", None)
    return code
