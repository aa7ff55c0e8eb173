"""Ports for servers that start a moment later."""

import socket

import pytest

from streams.errors import UnavailableError
from streams.local import ports


def test_no_port_is_given_twice(monkeypatch):
    monkeypatch.setattr(ports, "_PORTS", range(21_000, 21_400))
    given = [ports.free_port("127.0.0.1") for _ in range(100)]
    assert len(set(given)) == len(given)


def test_a_busy_port_is_refused_by_name():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(UnavailableError, match=f"port {port} .* is busy"):
            ports.free_port("127.0.0.1", port)
