"""Partitions wanted -> a Fetch request; a response's bytes -> what each answered.

Fetch version 11, the last before the "flexible" encoding: it knows zstd (version 10)
and isolation (version 4, KIP-98); no fetch session (KIP-227) and no rack (KIP-392) is
asked for. Layouts: https://kafka.apache.org/protocol#The_Messages_Fetch and, for record
batches, https://kafka.apache.org/documentation/#recordbatch. A response is hostile
until it is read: each length and count is held against what is there.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from streams.errors import StateError
from streams.kafka.fetched import TP

API_KEY = 1
VERSION = 11

LARGEST_BATCH = 64 * 1024 * 1024
"""A broker may go beyond the bytes asked for by one record batch, up to this size."""

_ANY_REPLICA = -1
_ANY_EPOCH = -1
_HEAD = struct.Struct(">ihhih")  # length, api key, version, correlation id, client id
_QUESTION = struct.Struct(">iiiibiii")
_PARTITION = struct.Struct(">iiqqi")
_TAIL = struct.Struct(">ih")  # no forgotten topics, no rack
_COUNT = struct.Struct(">i")
_SHORT = struct.Struct(">h")

_ANSWER = struct.Struct(">iihii")  # correlation id, throttle, error, session, topics
_ANSWERED = struct.Struct(">ihqqqi")
_ABORTED = struct.Struct(">qq")
_RECORDS = struct.Struct(">ii")  # preferred replica, size
_SMALLEST_TOPIC = _SHORT.size + _COUNT.size
_SMALLEST_ANSWER = _ANSWERED.size + _RECORDS.size

_BATCH = struct.Struct(">qi4xb4x2xi")  # base offset, length, magic, last offset delta
_BATCH_LENGTH_ENDS = 12
_SMALLEST_BATCH = 61
_MAGIC = 2
_LAST_OFFSET = 2**63 - 2


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """What every request asks of the broker."""

    max_wait_ms: int
    max_bytes: int
    read_committed: bool


class Wanted(NamedTuple):
    """One partition of a request."""

    tp: TP
    offset: int
    max_bytes: int


class Answer(NamedTuple):
    """One partition of a response."""

    tp: TP
    error: int
    high_watermark: int
    aborted: tuple[tuple[int, int], ...]
    records: memoryview


class Response(NamedTuple):
    """One response."""

    throttle_ms: int
    answers: list[Answer]


class Batches(NamedTuple):
    """What complete record batches some bytes hold."""

    n_bytes: int
    """Bytes of the complete ones; the rest is a cut-off batch."""
    next_offset: int
    """Offset after the last of them, never before the position asked for."""
    n_bytes_needed: int
    """Size of the cut-off batch; 0 without one, or when even that is cut off."""


def fetch_request(
    correlation_id: int, client_id: str, wanted: Sequence[Wanted], limits: FetchLimits
) -> bytes:
    """Return a request, its length before it; the broker keeps the order of `wanted`.

    Args:
        correlation_id: comes back with the response.
        client_id: shown in the broker's log and quotas.
        wanted: partitions; those named first are served first when the response fills.
        limits: time and bytes for the response as a whole.
    """
    name = client_id.encode()
    parts: list[bytes] = []
    topics = _by_topic(wanted)
    for topic, partitions in topics:
        encoded = topic.encode()
        parts += (_SHORT.pack(len(encoded)), encoded, _COUNT.pack(len(partitions)))
        parts += [
            _PARTITION.pack(
                each.tp.partition, _ANY_EPOCH, each.offset, -1, each.max_bytes
            )
            for each in partitions
        ]
    question = _QUESTION.pack(
        _ANY_REPLICA,
        limits.max_wait_ms,
        1,  # at least one byte
        limits.max_bytes,
        limits.read_committed,
        0,  # no session
        -1,
        len(topics),
    )
    body = b"".join([name, question, *parts, _TAIL.pack(0, 0)])
    length = _HEAD.size - 4 + len(body)
    return _HEAD.pack(length, API_KEY, VERSION, correlation_id, len(name)) + body


def _by_topic(wanted: Sequence[Wanted]) -> list[tuple[str, list[Wanted]]]:
    """Group neighbours only, so that the order stays; a topic may come twice."""
    topics: list[tuple[str, list[Wanted]]] = []
    for each in wanted:
        if not topics or topics[-1][0] != each.tp.topic:
            topics.append((each.tp.topic, []))
        topics[-1][1].append(each)
    return topics


class _Cursor:
    """Reads from the front of a frame; what does not fit is an error."""

    def __init__(self, frame: memoryview) -> None:
        self._frame = frame
        self._at = 0

    @property
    def n_left(self) -> int:
        return len(self._frame) - self._at

    def read(self, layout: struct.Struct) -> tuple[Any, ...]:
        values = layout.unpack_from(self._frame, self._at)
        self._at += layout.size
        return values

    def slice(self, n_bytes: int, what: str) -> memoryview:
        if not 0 <= n_bytes <= self.n_left:
            raise StateError(_unreadable(f"{what} of {n_bytes} bytes", self.n_left))
        view = self._frame[self._at : self._at + n_bytes]
        self._at += n_bytes
        return view

    def check_count(self, count: int, smallest: int, what: str) -> int:
        """Return the count; Kafka's null (-1) is 0."""
        if count == -1:
            return 0
        if not 0 <= count <= self.n_left // smallest:
            raise StateError(_unreadable(f"{count} {what}", self.n_left))
        return count


def _unreadable(came: str, n_left: int) -> str:
    return (
        f"Fetch response cannot be read: expected what fits the {n_left} bytes left of "
        f"it, came {came}; is the address a Kafka broker's?"
    )


def parse_response(frame: memoryview, correlation_id: int) -> Response:
    """Return what a response says; its records are views of the frame.

    Args:
        frame: the response without its length.
        correlation_id: of the request.

    Raises:
        StateError: the bytes are no response to this request.
    """
    cursor = _Cursor(frame)
    try:
        came_id, throttle_ms, error, _, n_topics = cursor.read(_ANSWER)
        if came_id != correlation_id or error:
            raise StateError(
                f"Fetch response to request {correlation_id} expected, came one to "
                f"{came_id} with error code {error}; the connection is out of step"
            )
        answers: list[Answer] = []
        for _ in range(cursor.check_count(n_topics, _SMALLEST_TOPIC, "topics")):
            answers += _topic_answers(cursor)
    except (struct.error, UnicodeDecodeError) as broken:
        raise StateError(_unreadable(f"a field cut off ({broken})", 0)) from broken
    if cursor.n_left:
        raise StateError(_unreadable("nothing more", cursor.n_left))
    return Response(max(0, throttle_ms), answers)


def _topic_answers(cursor: _Cursor) -> list[Answer]:
    (size,) = cursor.read(_SHORT)
    topic = str(cursor.slice(size, "a topic name"), "utf-8")
    (count,) = cursor.read(_COUNT)
    count = cursor.check_count(count, _SMALLEST_ANSWER, "partitions")
    return [_answer(cursor, topic) for _ in range(count)]


def _answer(cursor: _Cursor, topic: str) -> Answer:
    partition, error, high_watermark, _, _, n_aborted = cursor.read(_ANSWERED)
    n_aborted = cursor.check_count(n_aborted, _ABORTED.size, "aborted transactions")
    aborted = tuple(
        _ABORTED.iter_unpack(cursor.slice(n_aborted * _ABORTED.size, "transactions"))
    )
    _, size = cursor.read(_RECORDS)
    records = cursor.slice(0 if size == -1 else size, "records")
    return Answer(TP(topic, partition), error, high_watermark, aborted, records)


def complete_batches(records: memoryview, position: int) -> Batches:
    """Return how far the complete batches of a partition's records go.

    Only headers are read: CRC and contents are for whoever decodes them.

    Args:
        records: what one partition answered.
        position: offset that was asked for.

    Raises:
        StateError: these are no batches of the current format (magic 2) in order.
    """
    at, n_bytes, n_needed, previous = 0, len(records), 0, -1
    while n_bytes - at >= _SMALLEST_BATCH:
        base, length, magic, delta = _BATCH.unpack_from(records, at)
        size = length + _BATCH_LENGTH_ENDS
        is_sound = magic == _MAGIC and _SMALLEST_BATCH <= size <= LARGEST_BATCH
        if not (is_sound and previous < base <= base + delta <= _LAST_OFFSET):
            raise StateError(
                f"record batch expected with magic 2, {_SMALLEST_BATCH} to "
                f"{LARGEST_BATCH} bytes and an offset above {previous}, came magic "
                f"{magic}, {size} bytes, offset {base} + {delta}: the broker's log or "
                "its answer is damaged"
            )
        if size > n_bytes - at:
            n_needed = size
            break
        previous = base + delta
        at += size
    return Batches(at, max(position, previous + 1), n_needed)
