"""Free ports for servers on this machine."""

import secrets
import socket

from streams.errors import UnavailableError

_PORTS = range(20_000, 32_000)
"""Below the range that outgoing connections take their ports from (ip(7))."""

_given: set[int] = set()
"""Ports of this process, whose servers may not have started yet."""


def free_port(host: str, wanted: int = 0) -> int:
    """Return `wanted` when it is free, or for 0 any free one, never the same twice.

    Raises:
        UnavailableError: the wanted port is busy, or no port is free.
    """
    if wanted:
        if _bindable(host, wanted):
            return wanted
        raise UnavailableError(
            f"port {wanted} on {host} is busy: stop what listens there, "
            "or use port 0 for a free one"
        )
    for _ in _PORTS:
        port = _PORTS.start + secrets.randbelow(len(_PORTS))
        if port not in _given and _bindable(host, port):
            _given.add(port)
            return port
    raise UnavailableError(
        f"no free port on {host} from {_PORTS.start} to {_PORTS.stop}: "
        "stop some servers"
    )


def _bindable(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
