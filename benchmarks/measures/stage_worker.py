"""Other stages run as users run them, on the same records: attribution and the sink.

Events a core are events by CPU second of the worker; what each wrote is read back.
"""

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator

import numpy as np

from benchmarks.dataset.events import KINDS, Columns
from benchmarks.figures import Row, at_least, row
from benchmarks.session import Loaded, Session, note, resized
from benchmarks.state import read
from benchmarks.timing import Rates, rates
from benchmarks.workers import Worker
from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Feedback
from streams.kafka.topics import FEEDBACK
from streams.local.ports import free_port

JOINED = at_least(200_000)
ROWS = at_least(300_000)

_HOST = "127.0.0.1"


def attribution(session: Session) -> Iterator[Row]:
    """Join impressions and reactions; count the feedback that must have come."""
    spec = resized(session.options.spec, creatives="fallback")
    found, memories = [], []
    for _ in range(session.options.runs):
        with session.round(spec) as loaded:
            with _worker(session, loaded, "attribution") as worker:
                samples = worker.follow(loaded.ends)
                memories.append(worker.resident() / 1e6)
            _require_feedback(loaded)
            found.append(_noted("attribution", rates(samples, spec.n_events)))
    yield row(
        "attribution join",
        "events/s a core",
        [1e6 / one.cpu_per_million for one in found],
        JOINED,
    )
    yield row("attribution", "events/s", [one.events_s for one in found])
    yield row("attribution memory", "MB", memories)


def _require_feedback(loaded: Loaded) -> None:
    """Check that each impression with a reaction has its feedback on the topic."""
    topic = loaded.prefix + FEEDBACK.name
    n_partitions = loaded.dataset.spec.n_partitions
    codec = Codec(Feedback, LockedIds())
    reacted = set()
    for value in read(
        loaded.bootstrap, topic, n_partitions, by_value=True
    ).latest.values():
        if value is not None:
            found = codec.decode_fields(value)
            if found["outcome"] != "none":
                reacted.add(found["impression_id"])
    expected = _reacted(loaded.dataset.events)
    if len(reacted) != expected:
        raise RuntimeError(
            f"feedback on {topic}: {len(reacted):,} impressions with a reaction, "
            f"expected {expected:,}"
        )


def _reacted(events: Columns) -> int:
    """Return how many impressions of the log have a reaction in time."""
    is_impression = events.kind == KINDS.index("impression")
    shown = np.unique(events.impression[is_impression])
    kinds = [KINDS.index(kind) for kind in ("click", "conversion", "dismiss")]
    reacts = np.isin(events.kind, kinds) & (events.impression >= 0)
    return int(np.isin(np.unique(events.impression[reacts]), shown).sum())


def sink(session: Session) -> Iterator[Row]:
    """Write the events to ClickHouse in process; count them over HTTP."""
    spec = session.options.spec
    found = []
    for _ in range(session.options.runs):
        with session.round(spec) as loaded:
            port = free_port(_HOST)
            settings = {"ADLOOM_LOCAL__CLICKHOUSE_PORT": str(port)}
            with _worker(session, loaded, "sink", settings) as worker:
                samples = worker.follow(loaded.ends)
                n_rows = _count(port)
            expected = int((~loaded.dataset.events.is_duplicate).sum())
            if n_rows != expected:
                raise RuntimeError(
                    f"ClickHouse holds {n_rows:,}, expected {expected:,}"
                )
            found.append(_noted("sink", rates(samples, spec.n_events)))
    yield row("ClickHouse sink", "rows/s", [one.events_s for one in found], ROWS)
    costs = [one.cpu_per_million for one in found]
    yield row("ClickHouse sink CPU", "s/million rows", costs)


def _count(port: int) -> int:
    sql = "SELECT uniqExact(event_id) FROM behavior FORMAT JSONCompact"
    url = f"http://{_HOST}:{port}/?query={urllib.parse.quote(sql)}"
    with urllib.request.urlopen(url, timeout=60) as answer:
        return int(json.load(answer)["data"][0][0])


def _worker(
    session: Session,
    loaded: Loaded,
    stage: str,
    settings: dict[str, str] | None = None,
) -> Worker:
    n_partitions = loaded.dataset.spec.n_partitions
    folder = session.scratch(stage)
    return Worker(
        stage, loaded.bootstrap, loaded.prefix, folder, n_partitions, settings
    )


def _noted(name: str, found: Rates) -> Rates:
    note(
        f"{name}: {found.events_s:,.0f} events/s, "
        f"{found.cpu_per_million:.2f} CPU-s a million"
    )
    return found
