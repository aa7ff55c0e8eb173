"""A broker's socket -> whole responses, copied once, from the kernel to a buffer.

aiokafka opens the connection, with TLS and SASL where asked for; then its stream reader
gives way to a protocol that receives straight into a pooled buffer
(https://docs.python.org/3/library/asyncio-protocol.html#buffered-streaming-protocols).
"""

import asyncio
import struct
from collections.abc import Callable

from aiokafka.conn import AIOKafkaConnection

from streams.errors import StateError
from streams.kafka.connection import Connection, open_connection
from streams.kafka.fetch_buffers import BufferPool
from streams.kafka.fetch_protocol import API_KEY, VERSION

_CONNECT_TIMEOUT_MS = 10_000
_LENGTH = struct.Struct(">i")
_SMALLEST_FRAME = 4


class FrameReader(asyncio.BufferedProtocol):
    """Bytes of one connection -> frames of the Kafka protocol.

    Args:
        connection: open, with no request under way; it receives nothing any more.
        pool: where frames get their memory.
        max_frame_bytes: a longer frame is refused before memory is taken for it.
        on_frame: called with each frame, read-only, without its length.
        on_lost: called once, with the reason, when the connection has ended.
    """

    def __init__(
        self,
        connection: AIOKafkaConnection,
        pool: BufferPool,
        max_frame_bytes: int,
        on_frame: Callable[[memoryview], None],
        on_lost: Callable[[Exception | None], None],
    ) -> None:
        self.n_received = 0
        self._pool = pool
        self._max_frame_bytes = max_frame_bytes
        self._on_frame = on_frame
        self._on_lost = on_lost
        self._length = memoryview(bytearray(_LENGTH.size))
        self._frame: memoryview | None = None
        self._rest = self._length
        self._refused: StateError | None = None
        # It stays referenced: it owns the stream writer, which closes when collected.
        self._connection = connection
        self._replaced = connection._protocol  # noqa: SLF001 - no public way
        self._transport = connection._writer.transport  # noqa: SLF001
        connection._read_task.cancel()  # noqa: SLF001
        self._transport.set_protocol(self)

    def write(self, request: bytes) -> None:
        """Send a request."""
        self._transport.write(request)

    def close(self) -> None:
        """End the connection; `on_lost` is not called any more."""
        self._on_lost = _ignore
        self._on_frame = _ignore
        self._connection.close()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's
        """Return where the next bytes go. Called by asyncio."""
        return self._rest

    def buffer_updated(self, nbytes: int) -> None:
        """Note bytes that have come. Called by asyncio."""
        self.n_received += nbytes
        self._rest = self._rest[nbytes:]
        if self._rest:
            return
        frame, self._frame = self._frame, None
        if frame is None:
            self._begin_frame()
        else:
            self._rest = self._length
            self._on_frame(frame.toreadonly())

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass the end on. Called by asyncio."""
        self._replaced.connection_lost(exc)
        self._frame = None
        self._rest = self._length
        self._on_lost(self._refused or exc)

    def _begin_frame(self) -> None:
        (n_bytes,) = _LENGTH.unpack(self._length)
        if _SMALLEST_FRAME <= n_bytes <= self._max_frame_bytes:
            self._rest = self._frame = self._pool.take(n_bytes)
            return
        self._rest = self._length
        self._refused = StateError(
            f"Fetch response of {_SMALLEST_FRAME} to {self._max_frame_bytes} bytes "
            f"expected, came {n_bytes}: a record batch above the largest that is read, "
            "or the address is not a Kafka broker's"
        )
        self._transport.abort()


def _ignore(_: object) -> None:
    """Do nothing: the connection was given up."""


async def open_frames(
    host: str,
    port: int,
    connection: Connection,
    to_reader: Callable[[AIOKafkaConnection], FrameReader],
) -> FrameReader:
    """Connect, authenticate, and let a reader receive.

    Args:
        host: broker.
        port: broker's port.
        connection: how to connect.
        to_reader: makes the reader of an open connection.

    Raises:
        StateError: the broker does not know our version of Fetch.
        OSError, TimeoutError, aiokafka.errors.KafkaError: no connection.
    """
    opened = await open_connection(host, port, connection, _CONNECT_TIMEOUT_MS)
    lowest, highest = opened._versions.get(API_KEY, (-1, -1))  # noqa: SLF001 - no public way
    if not lowest <= VERSION <= highest:
        opened.close()
        raise StateError(
            f"broker {host}:{port} speaks Fetch {lowest} to {highest}, expected "
            f"{VERSION}: use Apache Kafka 2.3 or later"
        )
    if not opened.connected():
        opened.close()
        raise ConnectionError(f"broker {host}:{port} closed the connection at once")
    return to_reader(opened)
