"""Kafka connection arguments for each client, from one set of settings."""

import socket
from typing import Any

from streams.errors import ConfigurationError, UnavailableError
from streams.settings import Settings

CONNECT_TIMEOUT_S = 5.0


def bootstrap_servers(settings: Settings) -> str:
    """Return the bootstrap servers, checked to be given and to answer.

    Raises:
        ConfigurationError: none are given.
        UnavailableError: none of them accepts a connection.
    """
    servers = settings.kafka_bootstrap_servers
    if not servers:
        raise ConfigurationError(
            "KAFKA_BOOTSTRAP_SERVERS is not set: expected host:port; "
            "`adloom up` starts a local broker and prints its address"
        )
    for server in servers.split(","):
        host, _, port = server.strip().rpartition(":")
        try:
            with socket.create_connection((host, int(port)), CONNECT_TIMEOUT_S):
                return servers
        except (OSError, ValueError):
            continue
    raise UnavailableError(
        f"no Kafka broker answers at {servers}: start one, or correct "
        "KAFKA_BOOTSTRAP_SERVERS"
    )


def aiokafka_connection(settings: Settings) -> dict[str, Any]:
    """Return the connection arguments of an aiokafka client."""
    return {"bootstrap_servers": settings.kafka_bootstrap_servers.split(",")}


def kafka_python_connection(settings: Settings) -> dict[str, Any]:
    """Return the connection arguments of a kafka-python client."""
    return {"bootstrap_servers": settings.kafka_bootstrap_servers.split(",")}
