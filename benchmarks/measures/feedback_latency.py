"""Feedback written -> what it taught is in serving: the critic, then the generator.

Real processes: `adloom learner` and `adloom worker creatives`, then `retraining`,
`trainer` and `rollout` too. Requests come beside the feedback, and the receipt of a
creative is the proof of what it was picked with: the clock of a feedback record starts
before it is sent, and stops when the first creative is read whose posterior knows the
record, or whose version learnt it.

Not timed is a click whose impression's window is open: it waits for the nones beside it
by design, up to `attribution.click_window_s`.
"""

import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from benchmarks.figures import Row, at_most, row
from benchmarks.measures.feedback_stream import FeedbackStream
from benchmarks.measures.model import MODEL, champion, released
from benchmarks.session import Session, note
from benchmarks.workers import all_ready
from model_export.store.model_files import check_files
from model_export.store.registry import Registry
from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import (
    Creative,
    CreativeRequest,
    Feedback,
    ModelRelease,
    OffsetRange,
    PosteriorUpdate,
    Record,
)
from streams.columns.keys import partition_of
from streams.kafka.topics import (
    CREATIVE,
    CREATIVE_REQUEST,
    FEEDBACK,
    MODEL_RELEASE,
    POSTERIOR,
)

RATE = 200
"""Impressions a second: 17 million a day."""

EXAMPLES = 2_000
"""Feedback that triggers a job."""

SHADOW = 20
"""Requests that a candidate answers in the shadow."""

CRITIC_S = 40.0
GENERATOR_S = 150.0
CRITIC_MS = at_most(5_000)
GENERATOR_MS = at_most(60_000)

_TICK_S = 0.05
_AFTERWARDS_S = 6.0
_PARTITIONS = 4
_TUNED = 2
"""The first version that a job makes."""

_RECORDS = (Feedback, CreativeRequest, Creative, PosteriorUpdate, ModelRelease)
Codecs = dict[type[Record], Codec[Any]]


@dataclass
class Seen:
    """What was read, and when: monotonic seconds."""

    posterior: dict[str, float] = field(default_factory=dict)
    """Digest -> first creative picked with it."""
    version: dict[int, float] = field(default_factory=dict)
    """Version -> its first creative."""
    updates: list[PosteriorUpdate] = field(default_factory=list)
    sent: dict[tuple[int, int], float] = field(default_factory=dict)
    """(partition, offset) of a feedback record -> before it was sent."""


def critic_latency(session: Session) -> Iterator[Row]:
    """Measure feedback -> posterior in serving."""
    percentiles = []
    for _ in range(session.options.runs):
        with _running(session, ("learner", "creatives"), {}) as (play, _):
            seen = play.until(CRITIC_S, lambda _: False)
        n = len(seen.posterior.keys() - {""})
        note(f"{n} of {len(seen.updates)} posteriors seen in serving")
        percentiles.append(_noted("critic", _critic_delays(seen)))
    yield from _rows("feedback to critic in serving", percentiles, CRITIC_MS)


def generator_latency(session: Session) -> Iterator[Row]:
    """Measure feedback -> first canary answer of the generator that it tuned."""
    stages = ("learner", "creatives", "retraining", "trainer", "rollout")
    settings = {
        "ADLOOM_RETRAINING__EXAMPLES": str(EXAMPLES),
        "ADLOOM_ROLLOUT__SHADOW_REQUESTS": str(SHADOW),
    }
    note(
        f"a job of {EXAMPLES:,} examples (it fits the taste model and teaches the "
        f"library again, being the first), all gates, {SHADOW} requests in the shadow"
    )
    percentiles = []
    for _ in range(session.options.runs):
        with _running(session, stages, settings) as (play, registry):
            seen = play.until(GENERATOR_S, lambda seen: _TUNED in seen.version)
            delays = _generator_delays(seen, registry)
        percentiles.append(_noted("generator", delays))
    yield from _rows(
        "feedback to tuned generator in serving", percentiles, GENERATOR_MS
    )


def _rows(what: str, found: list[tuple[float, float]], target: Any) -> Iterator[Row]:
    yield row(f"{what}, p50", "ms", [low for low, _ in found])
    yield row(f"{what}, p95", "ms", [high for _, high in found], target)


def _noted(what: str, delays: list[float]) -> tuple[float, float]:
    low, high = np.percentile(delays, [50, 95], method="higher").tolist()
    note(f"{what}: p50 {low:,.0f} ms, p95 {high:,.0f} ms of {len(delays):,}")
    return low, high


def _critic_delays(seen: Seen) -> list[float]:
    """Return ms for each record that was sent before the last posterior served."""
    serving = sorted(
        (seen.posterior[one.sha256], one.ranges)
        for one in seen.updates
        if one.sha256 in seen.posterior
    )
    if not serving:
        raise RuntimeError("no posterior came into serving; see the learner's log")
    known = dict.fromkeys(range(_PARTITIONS), 0)
    delays = []
    for at, ranges in serving:
        for part in ranges:
            delays += [
                1e3 * (at - seen.sent[part.partition, offset])
                for offset in range(known[part.partition], part.end)
            ]
            known[part.partition] = max(known[part.partition], part.end)
    first = min(seen.sent.values())
    n_lost = sum(
        offset >= known[partition] and at < first + CRITIC_S - 10.0
        for (partition, offset), at in seen.sent.items()
    )
    if n_lost:
        raise RuntimeError(f"{n_lost} feedback records never came into serving")
    return delays


def _generator_delays(seen: Seen, registry: Registry) -> list[float]:
    """Return ms for each record that the tuned generator learnt from."""
    if _TUNED not in seen.version:
        raise RuntimeError(f"no tuned generator in serving within {GENERATOR_S:g} s")
    card = registry.card(MODEL, _TUNED)
    (ranking,) = (one for one in card["verdicts"] if one["gate"] == "reward_honesty")
    if ranking["result"] != "pass":
        raise RuntimeError(f"the job did not tune the generator: {ranking['detail']}")
    learnt: Iterable[OffsetRange] = [OffsetRange(**part) for part in card["ranges"]]
    return [
        1e3 * (seen.version[_TUNED] - seen.sent[part.partition, offset])
        for part in learnt
        for offset in range(part.start, part.end)
    ]


class _Play:
    """Feedback and requests at a steady rate, and what comes of them."""

    def __init__(self, bootstrap: str, prefix: str, stream: FeedbackStream) -> None:
        self._bootstrap, self._prefix, self._stream = bootstrap, prefix, stream
        self._codecs: Codecs = {one: Codec(one, LockedIds()) for one in _RECORDS}
        self._producer = KafkaProducer(bootstrap_servers=bootstrap, linger_ms=0)

    def release(self, release: ModelRelease) -> None:
        """Put a version in force."""
        self.send(MODEL_RELEASE.name, release, MODEL, 0).get(timeout=30)

    def send(
        self, topic: str, record: Record, key: str, partition: int | None = None
    ) -> Any:
        """Send a record; return the future of where it lies."""
        if partition is None:
            partition = partition_of(key.encode(), _PARTITIONS)
        value = self._codecs[type(record)].encode(record)
        name = self._prefix + topic
        return self._producer.send(name, value, key=key.encode(), partition=partition)

    def _ask(self) -> None:
        request = self._stream.request()
        self.send(CREATIVE_REQUEST.name, request, request.user_id)

    def until(self, seconds: float, is_enough: Callable[[Seen], bool]) -> Seen:
        """Play for so long, or until what was seen is enough."""
        seen, ended = Seen(), threading.Event()
        reader = threading.Thread(target=self._watch, args=(seen, ended))
        reader.start()
        try:
            pending = self._play(seconds, seen, is_enough)
        finally:
            ended.set()
            reader.join()
        for at, future in pending:
            found = future.get(timeout=30)
            seen.sent[found.partition, found.offset] = at
        self._producer.close()
        return seen

    def _play(
        self, seconds: float, seen: Seen, is_enough: Callable[[Seen], bool]
    ) -> list[tuple[float, Any]]:
        pending = []
        started = time.monotonic()
        tick = 0
        while time.monotonic() < started + seconds and not is_enough(seen):
            for one in self._stream.feedback(int(RATE * _TICK_S)):
                at = time.monotonic()
                pending.append((at, self.send(FEEDBACK.name, one, one.user_id)))
            self._ask()
            tick += 1
            time.sleep(max(0.0, started + tick * _TICK_S - time.monotonic()))
        for _ in range(int(_AFTERWARDS_S / _TICK_S)):
            self._ask()
            time.sleep(_TICK_S)
        return pending

    def _watch(self, seen: Seen, ended: threading.Event) -> None:
        consumer = KafkaConsumer(
            bootstrap_servers=self._bootstrap,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=20,
        )
        creatives = self._prefix + CREATIVE.name
        places = [TopicPartition(self._prefix + POSTERIOR.name, 0)]
        places += [TopicPartition(creatives, number) for number in range(_PARTITIONS)]
        consumer.assign(places)
        while not ended.is_set():
            for place, batch in consumer.poll(20).items():
                at = time.monotonic()
                for message in batch:
                    if place == places[0]:
                        update = self._codecs[PosteriorUpdate].decode(message.value)
                        seen.updates.append(update)
                        continue
                    receipt = self._codecs[Creative].decode(message.value).receipt
                    seen.posterior.setdefault(receipt.posterior_sha256, at)
                    seen.version.setdefault(receipt.model_version, at)
        consumer.close()


@contextmanager
def _running(
    session: Session, stages: tuple[str, ...], settings: dict[str, str]
) -> Iterator[tuple[_Play, Registry]]:
    """Run the processes on a copy of the store, with its champion in force."""
    kept, version = champion(session.options.folder)
    store = session.scratch("learnt") / "models"
    shutil.copytree(kept, store)
    registry = Registry(str(store))
    space = check_files(registry.read(MODEL, version.version)).space
    settings = settings | {
        "ADLOOM_MODEL__STORE": str(store),
        "ADLOOM_MODEL__NAME": MODEL,
    }
    with session.topics(_PARTITIONS) as (broker, prefix):
        play = _Play(broker.bootstrap, prefix, FeedbackStream(space))
        play.release(released(version))
        running = all_ready(
            stages, broker.bootstrap, prefix, session.scratch, _PARTITIONS, settings
        )
        with running:
            yield play, registry
