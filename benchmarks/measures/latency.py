"""100,000 events a second -> how long until their effect can be read from a topic.

The clock of an event starts when it is due, not when it was sent. A reader beside the
workers takes raw fetches and notes when they came; what is in them is decoded later.
An event's preference is readable with the first record of its user whose `as_of` is not
before the event. A creative is measured from the event that makes its user known.
"""

import shutil
import time
from collections.abc import Iterator

import numpy as np

from benchmarks.cores import told
from benchmarks.dataset.events import KINDS, Columns, Spec
from benchmarks.figures import Row, at_most, row
from benchmarks.measures.arrivals import Arrivals, records_of
from benchmarks.measures.played import N_PARTITIONS, WARM_UP_S, Played, noted, play
from benchmarks.session import Session, note, resized
from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Preference
from streams.kafka.topics import CREATIVE, CREATIVE_REQUEST, PREFERENCE

RATE = 100_000
SECONDS = 16
LOST_MS = 3_600_000.0
"""What counts for an event whose effect never came: an hour, JSON has no infinity."""

PREFERENCE_MS = at_most(300)
CREATIVE_MS = at_most(1_000)

_USER_BYTES = 28


def preference_latency(session: Session) -> Iterator[Row]:
    """Event -> preference."""
    percentiles = []
    for _ in range(session.options.runs):
        with session.topics(N_PARTITIONS) as (broker, prefix):
            load = _spec(session)
            stages = ("preferences",)
            played = play(session, broker, prefix, load, stages, (PREFERENCE,))
            (arrivals,) = played.arrivals
            due, delays = _preference_delays(played.made.events, played.start, arrivals)
            what = "preference readable"
            played.tell(what, due, delays)
            percentiles.append(noted(what, delays[due >= WARM_UP_S * 1000]))
    yield row("event to preference, p50", "ms", [low for low, _ in percentiles])
    p99 = [high for _, high in percentiles]
    yield row("event to preference, p99", "ms", p99, PREFERENCE_MS)


def creative_latency(session: Session) -> Iterator[Row]:
    """Measure the event that makes a new user known -> their first creative."""
    percentiles, cores = [], []
    stages = ("preferences", "requests", "creatives")
    for _ in range(session.options.runs):
        # Nobody asks for a creative for people who were active last year.
        spec = resized(_spec(session), first_instant=time.time_ns() // 1_000_000)
        with session.topics(N_PARTITIONS) as (broker, prefix):
            watched = (CREATIVE_REQUEST, CREATIVE)
            played = play(session, broker, prefix, spec, stages, watched)
        percentiles.append(_creative_percentiles(played))
        used = played.used()
        note(f"cores used: {told(used)}")
        cores.append(sum(used[name] for name in ("broker", *stages)))
        shutil.rmtree(played.made.folder)
    yield row("event to creative, p50", "ms", [low for low, _ in percentiles])
    p99 = [high for _, high in percentiles]
    yield row("event to creative, p99", "ms", p99, CREATIVE_MS)
    yield row("event to creative, broker and workers", "cores", cores)


def _creative_percentiles(played: Played) -> tuple[float, float]:
    """Return p50 and p99 of the last hop after the warm-up; tell of all hops."""
    for what, came in zip(("request", "creative"), played.arrivals, strict=True):
        due, delays = _new_user_delays(played.made.events, played.start, came)
        played.tell(what, due, delays)
        warm = due >= WARM_UP_S * 1000
        noted(f"{what} on the topic, warm-up", delays[~warm])
        found = noted(f"{what} on the topic", delays[warm])
    return found


def _spec(session: Session) -> Spec:
    rate = session.options.scaled(RATE)
    return Spec(
        n_events=rate * SECONDS,
        n_users=session.options.n_users,
        hours=SECONDS / 3600,
        duplicates=0,
        jitter_ms=0,
        records_per_batch=max(1, rate // 400),  # a batch is 10 ms of its partition
    )


def _preference_delays(
    events: Columns, start: int, arrivals: Arrivals
) -> tuple[np.ndarray, np.ndarray]:
    """Return when each event was due and how long it took, ms; or `LOST_MS`."""
    codec = Codec(Preference, LockedIds())
    numbers = {user.tobytes(): number for number, user in enumerate(events.ids)}
    span = int(events.at.max()) - events.spec.first_instant + 2
    rows = [
        (
            numbers[key],
            codec.decode_fields(value)["as_of"] - events.spec.first_instant,
            at,
        )
        for at, key, value in records_of(arrivals)
    ]
    found = np.array(sorted(rows), np.int64).reshape(-1, 3)
    keys = found[:, 0] * span + found[:, 1]
    due = events.at - events.spec.first_instant
    place = np.searchsorted(keys, events.user * span + due)
    place = np.minimum(place, len(keys) - 1)
    is_there = (found[place, 0] == events.user) & (found[place, 1] >= due)
    delays = (found[place, 2] - start) / 1e6 - due
    return due, np.where(is_there, delays, LOST_MS)


def _new_user_delays(
    events: Columns, start: int, arrivals: Arrivals
) -> tuple[np.ndarray, np.ndarray]:
    """Return when each user became known and how long it took then, both in ms.

    A user is known with their first search, click or conversion: worth a click, which
    is what the requests stage waits for. Users who dismissed something are left out,
    and those whose request three views had brought before.
    """
    known = _known_at(events)
    delays: dict[bytes, float] = {}
    for at, key, _ in records_of(arrivals):
        user = key[:_USER_BYTES]
        if user in known:
            delays.setdefault(user, (at - start) / 1e6 - known[user])
    counted = [
        (at, delays.get(user, LOST_MS))
        for user, at in known.items()
        if delays.get(user, 0.0) >= 0
    ]
    due, found = np.array(counted, np.float64).reshape(-1, 2).T
    n_missing = int((found == LOST_MS).sum())
    note(f"{n_missing:,} of {len(counted):,} new users got none")
    return due, found


def _known_at(events: Columns) -> dict[bytes, int]:
    """Return ms after the start at which each user's first strong event is due."""
    strong = [KINDS.index(kind) for kind in ("search", "click", "conversion")]
    dismissed = np.unique(events.user[events.kind == KINDS.index("dismiss")])
    rows = np.flatnonzero(np.isin(events.kind, strong))
    users, first = np.unique(events.user[rows], return_index=True)
    kept = ~np.isin(users, dismissed)
    due = events.at[rows[first]] - events.spec.first_instant
    return {
        events.ids[user].tobytes(): at
        for user, at in zip(users[kept].tolist(), due[kept].tolist(), strict=True)
    }
