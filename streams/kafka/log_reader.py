"""A topic -> everything that its partitions hold now, in bulk."""

import time
from collections.abc import AsyncIterator, Iterable, Mapping

from streams.errors import StateError
from streams.kafka.connection import Connection
from streams.kafka.fetch_cluster import EARLIEST
from streams.kafka.fetched import TP
from streams.kafka.fetcher import Fetcher
from streams.kafka.messages import Message
from streams.kafka.record_batches import RecordSet, parse

_WAIT_MS = 5
"""A broker answers with the high watermark at once, also where there are no records: a
partition that is at its end need not be waited for."""


class BeyondEndError(LookupError):
    """A start lies beyond the end of its partition: the topic was made anew."""

    def __init__(self, tp: TP) -> None:
        super().__init__(f"{tp.topic}-{tp.partition}")
        self.tp = tp


async def read_to_end(
    connection: Connection,
    topic: str,
    partitions: Iterable[int],
    deadline_s: float = 60.0,
) -> AsyncIterator[Message]:
    """Yield every message that the partitions hold now, oldest first per partition.

    Args:
        connection: how to connect.
        topic: topic to read.
        partitions: partitions of it.
        deadline_s: seconds after which reading without reaching the end is an error.

    Raises:
        StateError: the end was not reached in time.
    """
    starts = {TP(topic, partition): EARLIEST for partition in partitions}
    async for records in read_batches(connection, starts, {}, deadline_s):
        for message in records.messages():
            yield message


async def read_batches(
    connection: Connection,
    starts: Mapping[TP, int],
    ends: Mapping[TP, int],
    deadline_s: float = 60.0,
) -> AsyncIterator[RecordSet]:
    """Yield the record batches from `starts` to `ends`, in order per partition.

    Where no end is given it is the high watermark of the fetch responses: the local
    broker's ListOffsets is wrong (it answers with the last batch's first offset).

    Args:
        connection: how to connect.
        starts: first offset of each partition; -2 is the earliest there is.
        ends: offsets before which to stop.
        deadline_s: seconds without any progress after which this is an error.

    Raises:
        StateError: nothing came for too long.
        BeyondEndError: a partition ends before its start.
    """
    if not starts:
        return
    fetcher = Fetcher(connection, max_wait_ms=_WAIT_MS)
    await fetcher.start()
    try:
        fetcher.assign(starts)
        left, started = set(starts), time.monotonic()
        while left:
            if time.monotonic() - started > deadline_s:
                names = ", ".join(f"{tp.topic}-{tp.partition}" for tp in sorted(left))
                raise StateError(
                    f"changelog not read to its end within {deadline_s:g} s: {names}; "
                    "check that the topic exists and its leader answers"
                )
            pieces = await fetcher.fetch(timeout_s=2 * _WAIT_MS / 1000)
            for tp in left:
                _check_start(fetcher, tp, starts[tp])
            for fetched in pieces:
                started = time.monotonic()
                yield parse(fetched)
            done = {tp for tp in left if _is_at_end(fetcher, tp, ends)}
            if done:
                left -= done
                fetcher.assign({tp: fetcher.position(tp) for tp in left})
    finally:
        await fetcher.stop()


def _check_start(fetcher: Fetcher, tp: TP, start: int) -> None:
    end = fetcher.high_watermark(tp)
    if end is not None and end < start:
        raise BeyondEndError(tp)


def _is_at_end(fetcher: Fetcher, tp: TP, ends: Mapping[TP, int]) -> bool:
    end = fetcher.high_watermark(tp)
    if end is None:
        return False
    return fetcher.position(tp) >= min(end, ends.get(tp, end))
