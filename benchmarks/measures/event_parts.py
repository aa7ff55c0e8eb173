"""Where the CPU of a behaviour event goes, at few users and at many, without a broker.

The worker's own functions on the bytes of a log, timed apart: what `growth-users` shows
as one figure. Fetching and sending are left out. "Known" and "new" are as there; the
stage is checkpointed as often as a worker that does two million events a second.
"""

import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np

from benchmarks.dataset.batches import n_records, stamped
from benchmarks.dataset.store import Dataset
from benchmarks.figures import Row, row
from benchmarks.measures.stages import NOW, one_life_preferences
from benchmarks.session import Session, resized
from schemas.lock import LockedIds
from schemas.records import Behavior
from streams.columns.decoder import Decoder
from streams.columns.from_records import FOLDED
from streams.engine.engine import MAX_CHANGED
from streams.kafka.batch_header import seal
from streams.kafka.fetched import TP, Fetched
from streams.kafka.record_batches import parse
from streams.runtime import garbage, heap

_SIZES = (10_000, 5_000_000)
_BATCHES = 8
"""Of 500 records: as many as are decoded at once (`streams.engine.intake`)."""
_EVENTS_A_CHECKPOINT = 2_000_000


@dataclass
class _Costs:
    """CPU seconds by part."""

    seconds: dict[str, float] = field(default_factory=dict)
    n_events: int = 0
    n_records: int = 0
    """Written to the changelog."""

    def add(self, part: str, started: float) -> float:
        """Count the time since `started` to a part; return what time it is."""
        now = time.process_time()
        self.seconds[part] = self.seconds.get(part, 0.0) + now - started
        return now


def event_parts(session: Session) -> Iterator[Row]:
    """Fold logs in, part by part, at 10 thousand and 5 million users."""
    heap.settle()  # as a worker does
    garbage.settle()
    for size in map(session.options.scaled, _SIZES):
        spec = resized(session.options.spec, n_users=size)
        first = replace(spec, n_events=size, users="each", duplicates=0)
        later = replace(spec, first_event=size)
        runs: dict[str, list[_Costs]] = {"known": [], "new": []}
        for _ in range(session.options.runs):
            known = _Run()
            known.fold(session.dataset(first))
            runs["known"].append(known.fold(session.dataset(later)))
            del known
            runs["new"].append(_Run().fold(session.dataset(spec)))
        for kind, costs in runs.items():
            yield from _rows(f"at {size:,} users, {kind}", costs)


def _rows(where: str, runs: list[_Costs]) -> Iterator[Row]:
    for part in runs[0].seconds:
        spent = [run.seconds[part] / run.n_events * 1e9 for run in runs]
        yield row(f"{part} {where}", "ns an event", spent)
    written = [run.n_records / run.n_events for run in runs]
    yield row(f"changelog {where}", "records an event", written)


class _Run:
    """A stage that takes one log after the other."""

    def __init__(self) -> None:
        self._stage = one_life_preferences()
        self._decoder = Decoder(Behavior, LockedIds(), FOLDED, "user_id")

    def fold(self, made: Dataset) -> _Costs:
        """Return what a log costs, with its checkpoints."""
        costs, unwritten = _Costs(), 0
        for fetched in _fetches(made):
            started = time.process_time()
            payloads = parse(fetched).payloads
            started = costs.add("checksums", started)
            columns = self._decoder.decode(payloads, 0, NOW)
            started = costs.add("decode", started)
            self._stage.fold(Behavior, fetched.tp.partition, columns, NOW)
            costs.add("fold", started)
            costs.n_events += len(columns)
            unwritten += len(columns)
            changed = self._stage.n_changed()
            if changed >= MAX_CHANGED or unwritten >= _EVENTS_A_CHECKPOINT:
                self._checkpoint(costs)
                unwritten = 0
        self._checkpoint(costs)
        return costs

    def _checkpoint(self, costs: _Costs) -> None:
        started = time.process_time()
        sections = self._stage.take_sections()
        started = costs.add("encode", started)
        for one in sections:
            seal(one.records, one.n_records, base_timestamp=NOW)
            costs.n_records += one.n_records
        costs.add("seal", started)


def _fetches(made: Dataset) -> Iterator[Fetched]:
    """Yield a log as a broker would answer, its partitions in turn."""
    logs = {n: made.batches(n) for n in range(made.spec.n_partitions)}
    offsets = np.zeros(made.spec.n_partitions, np.int64)
    while logs:
        for partition, log in list(logs.items()):
            data, first = bytearray(), int(offsets[partition])
            for batch in islice(log, _BATCHES):
                data += struct.pack(">q", offsets[partition]) + stamped(batch, NOW)[8:]
                offsets[partition] += n_records(batch)
            if not data:
                del logs[partition]
                continue
            end = int(offsets[partition])
            yield Fetched(TP("behavior", partition), memoryview(data), first, end)
