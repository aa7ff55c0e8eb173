"""Settings -> one connection, which every client of ours is given."""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka.abc import AbstractTokenProvider
from aiokafka.conn import create_conn
from aiokafka.errors import KafkaError, SaslAuthenticationFailed
from aiokafka.protocol.admin import ApiVersionRequest

from streams.environment import text_of
from streams.errors import ConfigurationError
from streams.kafka.loop_thread import run_apart
from streams.kafka.refusals import refusal
from streams.settings import Settings

CLIENT_ID = "adloom"
_CONNECT_TIMEOUT_MS = 5_000


@dataclass(frozen=True)
class Connection:
    """Where the brokers are, and how a client proves who it is."""

    bootstrap: str
    """host:port, several separated by commas."""
    security: Mapping[str, Any] = field(default_factory=dict)
    """Those of aiokafka's arguments that are about TLS and SASL."""

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Host and port of each broker.

        Raises:
            ConfigurationError: there is none, or one is not host:port.
        """
        if not self.bootstrap:
            raise ConfigurationError(
                "KAFKA_BOOTSTRAP_SERVERS is not set: expected host:port; "
                "`adloom up` starts a local broker and prints its address"
            )
        found = []
        for address in self.bootstrap.split(","):
            host, _, port = address.strip().rpartition(":")
            if not host or not port.isdecimal() or int(port) not in range(1, 65_536):
                raise ConfigurationError(
                    "KAFKA_BOOTSTRAP_SERVERS: expected host:port,host:port, got "
                    f"{address!r}"
                )
            found.append((host, int(port)))
        return found

    @property
    def arguments(self) -> dict[str, Any]:
        """What each of aiokafka's clients takes.

        Raises:
            ConfigurationError: as for `addresses`.
        """
        servers = [f"{host}:{port}" for host, port in self.addresses]
        return {"bootstrap_servers": servers, **self.security}


def connection_of(settings: Settings) -> Connection:
    """Return the connection that the settings describe; nobody is asked yet.

    Raises:
        ConfigurationError: its parts do not fit together, or a file cannot be read.
    """
    protocol = settings.kafka_security_protocol
    has_sasl, has_tls = protocol.startswith("SASL_"), protocol.endswith("SSL")
    _refuse_unused(
        settings, "KAFKA_SASL_", "SASL_PLAINTEXT or SASL_SSL", is_used=has_sasl
    )
    _refuse_unused(settings, "KAFKA_SSL_", "SSL or SASL_SSL", is_used=has_tls)
    security: dict[str, Any] = {}
    if has_sasl or has_tls:
        security["security_protocol"] = protocol
    if has_tls:
        security["ssl_context"] = _tls(settings)
    if has_sasl:
        security |= _sasl(settings)
    return Connection(settings.kafka_bootstrap_servers, security)


def checked_connection(settings: Settings) -> Connection:
    """Return the connection once a broker has let this client in.

    Raises:
        ConfigurationError: the settings are wrong, or the brokers refuse them.
        UnavailableError: no broker answers.
    """
    connection = connection_of(settings)
    run_apart(lambda: check(connection))
    return connection


async def check(connection: Connection) -> None:
    """Connect to one of the brokers, authenticate, and hang up.

    Raises:
        ConfigurationError: a broker refuses the client, or the client the broker.
        UnavailableError: none of the brokers answers.
    """
    reasons = []
    for host, port in connection.addresses:
        try:
            opened = await open_connection(
                host.strip("[]"), port, connection, _CONNECT_TIMEOUT_MS
            )
        except (KafkaError, OSError, TimeoutError) as error:
            reasons.append(refusal(error, f"{host}:{port}", connection.security))
        else:
            await opened.close()
            return
    refused = [one for one in reasons if isinstance(one, ConfigurationError)]
    raise refused[0] if refused else reasons[0]


@asynccontextmanager
async def explained(connection: Connection) -> AsyncIterator[None]:
    """Raise errors of ours in place of aiokafka's, which often keep the cause back.

    Raises:
        ConfigurationError: a broker refuses the client, or the client the broker.
        UnavailableError: the brokers do not answer.
    """
    try:
        yield
    except (KafkaError, OSError) as error:
        await check(connection)
        raise refusal(error, connection.bootstrap, connection.security) from error


async def open_connection(
    host: str, port: int, connection: Connection, timeout_ms: int
) -> Any:
    """Return an AIOKafkaConnection that is open, with TLS and SASL as wanted.

    Raises:
        OSError, TimeoutError, aiokafka.errors.KafkaError: there is none.
    """
    arguments = {"client_id": CLIENT_ID, **connection.security}
    opened = await create_conn(host, port, request_timeout_ms=timeout_ms, **arguments)
    if connection.security.get("sasl_mechanism") == "OAUTHBEARER":
        await _token_was_accepted(opened)
    return opened


async def _token_was_accepted(opened: Any) -> None:
    """Ask for anything: a broker that refused the token refuses that.

    It says so in the exchange (RFC 7628, 3.2.2), which aiokafka takes for success.
    """
    answer = await opened.send(ApiVersionRequest())
    if answer.error_code:
        opened.close()
        raise SaslAuthenticationFailed("the broker refused the token")


class _TokenFile(AbstractTokenProvider):  # type: ignore[misc]  # untyped package
    """A token that somebody renews in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def token(self) -> str:
        """Return the token of now. Called by aiokafka at each connection."""
        return self._path.read_text("utf-8").strip()


def _refuse_unused(
    settings: Settings, prefix: str, protocols: str, *, is_used: bool
) -> None:
    """Refuse a variable that the protocol gives no meaning, rather than ignore it."""
    for name, described in Settings.model_fields.items():
        variable = str(described.validation_alias)
        if variable.startswith(prefix) and getattr(settings, name) and not is_used:
            raise ConfigurationError(
                f"{variable} is set, but KAFKA_SECURITY_PROTOCOL is "
                f"{settings.kafka_security_protocol}: expected {protocols}; set it, or "
                f"unset {variable}"
            )


def _tls(settings: Settings) -> ssl.SSLContext:
    context = tls_context("KAFKA_SSL_CA_FILE", settings.kafka_ssl_ca_file)
    certificate, key = settings.kafka_ssl_cert_file, settings.kafka_ssl_key_file
    if certificate is None:
        if key is not None:
            raise ConfigurationError(
                "KAFKA_SSL_KEY_FILE is set, KAFKA_SSL_CERT_FILE is not: expected the "
                "certificate of that key too"
            )
        return context
    try:
        # Without a password OpenSSL would ask the terminal for it.
        context.load_cert_chain(certificate, key, settings.kafka_ssl_key_password)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigurationError(
            f"KAFKA_SSL_CERT_FILE {certificate} with key {key or certificate}: "
            f"expected PEM files that belong together, came: {error}; correct them or "
            "KAFKA_SSL_KEY_PASSWORD"
        ) from error
    return context


def tls_context(variable: str, authorities: Path | None) -> ssl.SSLContext:
    """Return a client's TLS context that trusts these authorities.

    Args:
        variable: where the file's name comes from, for the error.
        authorities: PEM file; None stands for the system's.

    Raises:
        ConfigurationError: the file holds no certificate.
    """
    try:
        return ssl.create_default_context(cafile=authorities)
    except OSError as error:
        raise ConfigurationError(
            f"{variable}: expected a PEM file with certificates at {authorities}, "
            f"came: {error}"
        ) from error


def _sasl(settings: Settings) -> dict[str, Any]:
    mechanism = settings.kafka_sasl_mechanism
    token_file = settings.kafka_sasl_token_file
    if mechanism is None:
        raise ConfigurationError(
            f"KAFKA_SECURITY_PROTOCOL is {settings.kafka_security_protocol} without "
            "KAFKA_SASL_MECHANISM: expected PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or "
            "OAUTHBEARER"
        )
    arguments: dict[str, Any] = {"sasl_mechanism": mechanism}
    if mechanism == "OAUTHBEARER":
        if token_file is None:
            raise _missing(mechanism, "KAFKA_SASL_OAUTHBEARER_TOKEN_FILE")
        text_of("KAFKA_SASL_OAUTHBEARER_TOKEN_FILE", token_file)
        return arguments | {"sasl_oauth_token_provider": _TokenFile(token_file)}
    if not (settings.kafka_sasl_username and settings.kafka_sasl_password):
        raise _missing(mechanism, "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD")
    return arguments | {
        "sasl_plain_username": settings.kafka_sasl_username,
        "sasl_plain_password": settings.kafka_sasl_password,
    }


def _missing(mechanism: str, variables: str) -> ConfigurationError:
    return ConfigurationError(
        f"KAFKA_SASL_MECHANISM is {mechanism}: expected {variables} too, came nothing; "
        "set them (see docs/settings.md)"
    )
