"""A cached dataset -> its topic, at the pace of its event times. A process of its own.

    python -m benchmarks.producer FOLDER BOOTSTRAP TOPIC START_NS

Each batch is sent when the last of its events is due, as a producer that lingers would;
nobody waits for answers, so a slow broker cannot slow the load down (no coordinated
omission). START_NS is an instant of the monotonic clock.
"""

import asyncio
import heapq
import json
import sys
import time
from pathlib import Path

import numpy as np
from aiokafka.client import AIOKafkaClient

from benchmarks.dataset.batches import n_records
from benchmarks.dataset.events import Spec
from benchmarks.dataset.load import produce
from benchmarks.dataset.store import Dataset

_Due = tuple[int, int, int, memoryview]


def schedule(made: Dataset) -> list[_Due]:
    """Return (ns after the start, partition, turn, batch), earliest first."""
    events = made.events
    due: list[_Due] = []
    for partition in range(made.spec.n_partitions):
        rows = np.flatnonzero(events.partition_of_user[events.user] == partition)
        end = 0
        for turn, batch in enumerate(made.batches(partition)):
            end += n_records(batch)
            last = int(events.at[rows[end - 1]]) - made.spec.first_instant
            due.append((last * 1_000_000, partition, turn, batch))
    heapq.heapify(due)
    return [heapq.heappop(due) for _ in range(len(due))]


async def play(made: Dataset, bootstrap: str, topic: str, start_ns: int) -> int:
    """Send everything in time; return the longest delay in ns."""
    batches = schedule(made)
    client = AIOKafkaClient(bootstrap_servers=bootstrap)
    await client.bootstrap()
    sending: set[asyncio.Task[None]] = set()
    worst = 0
    try:
        await client.add_topic(topic)
        for at, partition, _, batch in batches:
            late = time.monotonic_ns() - start_ns - at
            if late < 0:
                await asyncio.sleep(-late / 1e9)
            worst = max(worst, late)
            task = asyncio.ensure_future(produce(client, topic, partition, batch))
            sending.add(task)
            task.add_done_callback(sending.discard)
        await asyncio.gather(*sending)
    finally:
        await client.close()
    return worst


def main() -> None:
    """Play one dataset; print the longest delay."""
    folder, bootstrap, topic, start_ns = sys.argv[1:]
    spec = Spec(**json.loads((Path(folder) / "spec.json").read_text()))
    made = Dataset(spec, Path(folder))
    worst = asyncio.run(play(made, bootstrap, topic, int(start_ns)))
    sys.stdout.write(f"{worst}\n")


if __name__ == "__main__":
    main()
