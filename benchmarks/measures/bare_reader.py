"""A loaded dataset -> how fast its bytes come when nobody looks at them.

Our own Fetch client, discarding what it gets: what a broker gives one reader, and so
the limit of every worker on it.
"""

import asyncio
import time

from benchmarks.session import Loaded, note
from streams.kafka.connection import Connection
from streams.kafka.fetched import TP
from streams.kafka.fetcher import Fetcher

_LIMIT_S = 300.0


def bare_read(loaded: Loaded) -> float:
    """Read everything once; return events a second.

    Raises:
        TimeoutError: it took too long.
    """
    broker_cpu = loaded.broker.cpu()
    started, own_cpu = time.monotonic(), time.process_time()
    asyncio.run(asyncio.wait_for(_read(loaded), _LIMIT_S))
    seconds, own_cpu = time.monotonic() - started, time.process_time() - own_cpu
    millions = loaded.dataset.spec.n_events / 1e6
    note(
        f"{loaded.broker.name}, bare reader: "
        f"{loaded.dataset.n_bytes / 1e9 / seconds:.2f} GB/s; CPU-s a million: reader "
        f"{own_cpu / millions:.2f}, broker "
        f"{(loaded.broker.cpu() - broker_cpu) / millions:.2f}"
    )
    return millions * 1e6 / seconds


async def _read(loaded: Loaded) -> None:
    connection = Connection(loaded.bootstrap)
    fetcher = Fetcher(connection, max_wait_ms=100)
    await fetcher.start()
    try:
        ends = {TP(*place): end for place, end in loaded.ends.items()}
        fetcher.assign(dict.fromkeys(ends, 0))
        while any(fetcher.position(tp) < end for tp, end in ends.items()):
            await fetcher.fetch(timeout_s=0.1)
    finally:
        await fetcher.stop()
