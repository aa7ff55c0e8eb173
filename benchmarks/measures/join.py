"""The attribution join in process: its cost without a broker, and what it holds.

A worker's whole way but the network: record batches are decoded and joined, feedback
becomes record batches by partition, changed state the changelog's.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from benchmarks.dataset.batches import HEADER, n_records
from benchmarks.dataset.events import KINDS, Columns
from benchmarks.dataset.store import Dataset
from benchmarks.figures import Row, at_least, at_most, row
from benchmarks.machine import resident_bytes
from benchmarks.session import Session, note, resized
from schemas.lock import LockedIds
from schemas.records import Behavior
from streams.columns.batches import partitioned
from streams.columns.decoder import Decoder
from streams.columns.payload import Payload
from streams.engine.checkpoints import sections_of
from streams.engine.stage import Output
from streams.settings import AttributionSettings
from streams.stages.attribution.stage import Attribution

JOINED = at_least(200_000)
HELD = at_most(1.1)
GROWTH = at_most(1.1)

CLICK_S, CORRECTION_S = 600, 3_600
"""Windows far shorter than the log, so that whatever outlives them would show."""

_BATCHES_A_STEP = 4
_STEPS_A_CHECKPOINT = 50
_WARM = 0.25


@dataclass
class Joined:
    """What one pass over a log came to."""

    cpu_s: float = 0.0
    n_feedback: int = 0
    most_held: int = 0
    """Impressions remembered at once."""
    resident: list[int] = field(default_factory=list)
    """Bytes, at each checkpoint."""


def join(session: Session) -> Iterator[Row]:
    """Join a day's log in process; compare what is held with what the windows hold."""
    spec = resized(session.options.spec, creatives="fallback", hours=24.0)
    made = session.dataset(spec)
    found = [_joined(made) for _ in range(session.options.runs)]
    for one in found:
        note(f"join: {one.n_feedback:,} feedback, {one.cpu_s:.2f} CPU-s")
    costs = [spec.n_events / one.cpu_s for one in found]
    yield row("attribution in process", "events/s a core", costs, JOINED)
    within = _most_within(made.events, CLICK_S + CORRECTION_S)
    shares = [one.most_held / within for one in found]
    yield row("attribution, impressions in its windows", "impressions", [within])
    yield row("attribution, held of these at most", "share", shares, HELD)
    growth = [_growth(one.resident) for one in found]
    yield row(
        "attribution memory, end of log to its first quarter", "x", growth, GROWTH
    )


def _joined(made: Dataset) -> Joined:
    stage = Attribution(
        AttributionSettings(click_window_s=CLICK_S, correction_window_s=CORRECTION_S)
    )
    wanted = stage.columnar[Behavior]
    decoder = Decoder(Behavior, LockedIds(), wanted, "user_id")
    result, now = Joined(), 0
    for number, (partition, payloads) in enumerate(_steps(made)):
        started = time.process_time()
        columns = decoder.decode(payloads, 0, 2**53)
        now = max(now, int(columns.slot("occurred_at").max()))
        out = stage.fold(Behavior, partition, columns, now) + stage.tick(now)
        result.n_feedback += _sent(out, made.spec.n_partitions)
        is_checkpoint = number % _STEPS_A_CHECKPOINT == 0
        if is_checkpoint:
            sections_of(stage.take_dirty())
        result.cpu_s += time.process_time() - started
        if is_checkpoint:
            result.most_held = max(result.most_held, len(stage))
            result.resident.append(resident_bytes(os.getpid()))
    return result


def _sent(out: list[Output], n_partitions: int) -> int:
    batches = partitioned(out, n_partitions)
    return sum(n for sections in batches.values() for _, n in sections)


def _steps(made: Dataset) -> Iterator[tuple[int, list[Payload]]]:
    """Yield partition and record batches in the order of their time, as they came."""
    logs = [list(_payloads(made, n)) for n in range(made.spec.n_partitions)]
    places = sorted(
        (start / len(log), partition, start)
        for partition, log in enumerate(logs)
        for start in range(0, len(log), _BATCHES_A_STEP)
    )
    for _, partition, start in places:
        yield partition, logs[partition][start : start + _BATCHES_A_STEP]


def _payloads(made: Dataset, partition: int) -> Iterator[Payload]:
    offset = 0
    for batch in made.batches(partition):
        n = n_records(batch)
        yield Payload(batch[HEADER.size :], n, offset, 0)
        offset += n


def _most_within(events: Columns, window_s: float) -> int:
    """Return the most impressions whose event times lie within a window."""
    shown = events.kind == KINDS.index("impression")
    _, first = np.unique(events.impression[shown], return_index=True)
    at = np.sort(events.at[shown][first])
    ends = np.searchsorted(at, at + int(window_s * 1000), side="right")
    return int((ends - np.arange(len(at))).max(initial=0))


def _growth(resident: list[int]) -> float:
    return resident[-1] / resident[int(_WARM * len(resident))]
