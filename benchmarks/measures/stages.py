"""What stages cost in process, without a broker: CPU time of pure functions.

Here, in `join` and in `event_parts` the benchmarks touch stage objects; when a stage
changes its interface, its adapter here is what changes.
"""

import time
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.dataset.user_ids import user_ids
from benchmarks.figures import Row, Target, at_least, at_most, row
from benchmarks.measures.model import Answer, Assets, served_model
from benchmarks.session import Session
from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.preference_vector import to_bytes
from schemas.records import Behavior, CreativeRequest, Preference, Text
from schemas.vocabulary import deployed
from streams.engine.stage import Incoming
from streams.runtime import garbage
from streams.settings import PreferencesSettings
from streams.stages.preferences.stage import Preferences
from streams.stages.texts.stage import TextSignals

NOW = 1_800_000_000_000

CHECKPOINT_MS = at_most(150)
CREATIVES = at_least(20_000)
ALONE_MS = at_most(5)

_N_ALONE = 1_000


def checkpoint(session: Session) -> Iterator[Row]:
    """CPU of taking 100,000 dirty users as encoded changelog records.

    Sealing and sending them are part of the worker's figures, not of this one.
    """
    n_users = session.options.scaled(100_000)
    stage = one_life_preferences()
    milliseconds = []
    for turn in range(session.options.runs + 1):
        _touch_all(stage, n_users, turn)
        started = time.process_time()
        sections = stage.take_sections()
        milliseconds.append(1000 * (time.process_time() - started))
        if (taken := sum(section.n_records for section in sections)) != n_users:
            raise RuntimeError(f"{taken:,} users in the checkpoint, not {n_users:,}")
    name = f"checkpoint of {n_users:,} users, CPU"
    yield row(name, "ms", milliseconds[1:], CHECKPOINT_MS)  # the first one grows memory


def one_life_preferences() -> Preferences:
    """Return an empty stage with one half-life of a day, like the peers."""
    settings = PreferencesSettings(half_lives_s=(86_400,))
    return Preferences(settings, deployed(), Codec(Preference, LockedIds()))


def _touch_all(stage: Preferences, n_users: int, turn: int) -> None:
    incoming = [
        Incoming(
            Behavior,
            user,
            Behavior(
                event_id=f"e{turn}-{number}",
                user_id=user,
                kind="click",
                occurred_at=NOW + turn,
                category=deployed().categories[number % len(deployed().categories)],
                consent=True,
            ),
            0,
            turn * n_users + number,
        )
        for number, user in enumerate(
            bytes(one).decode() for one in user_ids(n_users, seed=1)
        )
    ]
    stage.step(incoming, NOW)


def creatives(session: Session) -> Iterator[Row]:
    """Answer requests in micro-batches (K = 16 candidates), and one alone.

    A record's encoding is part of it. With assets on demand the ad server renders when
    it is asked; inline, every creative carries its pictures.
    """
    garbage.settle()  # as a worker does
    n = session.options.scaled(20_000)
    limits: dict[Assets, Target | None] = {"on_demand": CREATIVES, "inline": None}
    for assets, limit in limits.items():
        answer = served_model(session.options.folder, assets)
        answer([_request(number) for number in range(256)])  # warm up
        rates, p99 = [], []
        for turn in range(1, session.options.runs + 1):
            requests = [_request(turn * 10_000_000 + number) for number in range(n)]
            started = time.process_time()
            n_answered = answer(requests)
            rates.append(n / (time.process_time() - started))
            if n_answered != n:
                raise RuntimeError(f"{n_answered:,} of {n:,} requests answered")
            p99.append(_alone_p99(answer, turn))
        words = assets.replace("_", " ")
        yield row(f"creatives, assets {words}", "creatives/s a core", rates, limit)
        yield row(f"one creative alone, assets {words}, p99", "ms", p99, ALONE_MS)


def _alone_p99(answer: Answer, turn: int) -> float:
    """Return the 99th percentile of answering one request, ms."""
    times = []
    for number in range(_N_ALONE):
        request = _request(turn * 10_000_000 + 5_000_000 + number)
        started = time.perf_counter()
        answer([request])
        times.append(1000 * (time.perf_counter() - started))
    return float(np.percentile(times, 99))


def _request(number: int) -> Incoming:
    likes = np.zeros(len(deployed().categories), np.float32)
    likes[[number % 64, number * 7 % 64, number * 13 % 64]] = (3.0, 1.5, 0.5)
    placement = list(deployed().placements.values())[
        number % len(deployed().placements)
    ]
    value = CreativeRequest(
        request_id=f"r{number}",
        user_id=f"u{number % 50_000}",
        reason="new_user",
        placement=placement.name,
        surface=placement.surface,
        language=("en", "zh")[number % 2],
        preferences=to_bytes(likes),
        requested_at=NOW,
        deadline_at=NOW + 30_000,
    )
    return Incoming(CreativeRequest, value.user_id, value, 0, number)


def texts(session: Session) -> Iterator[Row]:
    """Read short texts in two languages."""
    phrases = ("light running shoes for the rain", "这双跑步鞋很舒服，下次还会买")
    incoming = [
        Incoming(
            Text,
            "u",
            Text(
                text_id=f"t{number}",
                user_id="u",
                kind="comment",
                text=phrases[number % len(phrases)],
                written_at=NOW,
                consent=True,
            ),
            0,
            number,
        )
        for number in range(session.options.scaled(20_000))
    ]

    def read_all() -> int:
        TextSignals().step(incoming, NOW)
        return len(incoming)

    yield row("texts", "texts/s a core", _rates(read_all, session.options.runs))


def _rates(run: Callable[[], int], n_runs: int) -> list[float]:
    run()
    found = []
    for _ in range(n_runs):
        started = time.process_time()
        n = run()
        found.append(n / (time.process_time() - started))
    return found
