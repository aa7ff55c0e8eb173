"""Feedback for ClickHouse in process: record batches -> Arrow blocks, CPU time."""

import time
from collections.abc import Iterator

import numpy as np

from benchmarks.figures import Row, at_least, row
from benchmarks.session import Session
from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Design, Feedback
from streams.columns.batches import sections
from streams.columns.payload import Payload
from streams.kafka.fetched import TP
from streams.kafka.record_batches import RecordSet
from streams.kafka.topics import FEEDBACK
from streams.sink.cuts import arrow_blocks
from streams.sink.intake import SinkIntake

ROWS = at_least(150_000)

NOW = 1_800_000_000_000
_N = 60_000
_BATCH_BYTES = 400_000
_CHOICES = {"layout": "hero", "palette": "dawn", "motif": "waves", "tone": "plain"}
_N_NUMBERS = 8
_CONDITION_BYTES = 4 * 96


def feedback_rows(session: Session) -> Iterator[Row]:
    """Read feedback of as many different designs as records.

    Sending the blocks to ClickHouse, and what it does with them, is not part of it.
    """
    payloads = _payloads(session.options.scaled(_N))
    found = [_rate(payloads) for _ in range(session.options.runs + 1)]
    yield row("feedback for ClickHouse", "rows/s a core", found[1:], ROWS)


def _rate(payloads: tuple[Payload, ...]) -> float:
    intake = SinkIntake(LockedIds())
    tp = TP(FEEDBACK.name, 0)
    n = sum(payload.n_records for payload in payloads)
    started = time.process_time()
    intake.take_records(RecordSet(tp, payloads, n, n), 0, NOW)
    ((topic, batches),) = intake.batches_to_write().items()
    table = intake.table_of(topic)
    n_written = sum(block.n_rows for block in arrow_blocks(topic, table, batches))
    rate = n / (time.process_time() - started)
    if n_written != n:
        raise RuntimeError(f"{n_written:,} of {n:,} rows became columns")
    return rate


def _payloads(n: int) -> tuple[Payload, ...]:
    codec = Codec(Feedback, LockedIds())
    rng = np.random.default_rng(1)
    pairs = ((f"u{i}".encode(), codec.encode(_feedback(i, rng))) for i in range(n))
    payloads: list[Payload] = []
    offset = 0
    for section, n_records in sections(pairs, _BATCH_BYTES):
        payloads.append(Payload(section, n_records, offset, NOW))
        offset += n_records
    return tuple(payloads)


def _feedback(number: int, rng: np.random.Generator) -> Feedback:
    numbers = rng.random(_N_NUMBERS).round(3)
    return Feedback(
        feedback_id=f"{number:032x}",
        impression_id=f"i{number:031x}",
        revision=0,
        user_id=f"u{number}",
        outcome="none",
        reward=0.0,
        valid=True,
        shown_at=NOW,
        decided_at=NOW + 600_000,
        creative_id=f"c{number:031x}",
        placement="feed-card",
        surface="social",
        category="shoes",
        item=f"sku-{number % 997}",
        arm="champion",
        model_name="creative-gan",
        model_version=3,
        propensity=0.25,
        condition=bytes(_CONDITION_BYTES),
        design=Design(
            categorical=_CHOICES,
            continuous={f"n{at}": float(one) for at, one in enumerate(numbers)},
        ),
    )
