"""`adloom demo`: the whole loop on real input, then what ClickHouse says of it.

1. the real Open Bandit log is replayed; every count is compared with pandas;
2. a simulated audience asks the ad server for ads, looks and clicks;
3. the feedback tunes the generator; better models are swapped in while serving;
4. a report read from ClickHouse, and a gallery of what was made for whom and why.
"""

import asyncio
import os
import secrets
import time
from pathlib import Path
from threading import Event
from typing import Protocol

from clickhouse_connect.driver.client import Client

from streams.clickhouse.client import connect_to_read
from streams.clickhouse.queries import rows
from streams.demo.replay import (
    ReplayCounts,
    bundled_log,
    expected_cells,
    replay,
    replay_events,
)
from streams.demo.report import DemoReport, DemoRun, summarise
from streams.demo.simulate.audience import AudienceConfig, AudienceResult, run_audience
from streams.demo.simulate.people import PeopleConfig
from streams.demo.simulate.visit import VisitConfig
from streams.errors import UnavailableError
from streams.kafka.connection import connection_of
from streams.kafka.topics import BEHAVIOR
from streams.local.stack import LocalStack
from streams.local.stage_counts import read_counts
from streams.settings import Settings

SEED = 20_191_124
"""The log's first day."""

FAST_FORWARD = {
    "ADLOOM_KAFKA__SESSION_TIMEOUT_S": "6",
    "ADLOOM_ATTRIBUTION__CLICK_WINDOW_S": "5",
    "ADLOOM_REQUESTS__COOLDOWN_S": "3",
    "ADLOOM_REQUESTS__FATIGUE_IMPRESSIONS": "3",
    "ADLOOM_CREATIVES__EXPIRY_S": "60",
    "ADLOOM_RETRAINING__EXAMPLES": "2000",
    "ADLOOM_ROLLOUT__SHADOW_REQUESTS": "50",
    "ADLOOM_ROLLOUT__CANARY_SHARE": "0.5",
    "ADLOOM_ROLLOUT__CANARY_IMPRESSIONS": "300",
    "ADLOOM_ROLLOUT__MAX_CANARY_IMPRESSIONS": "600",
    "ADLOOM_ROLLOUT__MAX_LOSS": "1",  # 600 impressions rule nothing out
}
"""Days of an ad account in two minutes; what the user has set wins."""

AUDIENCE = AudienceConfig(
    people=PeopleConfig(n_people=3_000, seed=SEED, random_ctr=0.12),
    visit=VisitConfig(ads=(4, 9), pause_s=(0.4, 1.2)),
    requests_per_s=150.0,  # as many as come, two cores leave a job no time
    concurrency=250,
    seed=SEED,
)
"""Simulated people, who click more than real ones do: two minutes have to be enough."""

N_SWAPS = 2
AUDIENCE_LIMIT_S = 125.0
AUDIENCE_LEAST_S = 100.0
FIRST_SWAP_LIMIT_S = 240.0
"""On a slow machine the audience stays for the first swap, at most so long."""
SETTLE_LIMIT_S = 25.0
STILL_S = 2.5
WATCH_S = 0.5


class Progress(Protocol):
    """Who is told what goes on."""

    def step(self, text: str, total: int | None = None) -> None:
        """Begin a step; `total` units of work when that is known."""

    def advance(self, done: int, total: int | None = None) -> None:
        """Say how far the step is."""

    def note(self, text: str) -> None:
        """Say something about the step."""


def open_bandit_log() -> Path:
    """Return the folder of the whole log beside the checkout, else the slice."""
    whole = Path.cwd().parent / "shared" / "data"
    return whole if (whole / "obd_men_random.csv.gz").exists() else bundled_log()


def run(settings: Settings, stop: Event, progress: Progress) -> DemoReport:
    """Run the demo and return its report.

    Args:
        settings: settings; empty server addresses mean local ones.
        stop: set to end early; everything that was started is stopped.
        progress: told what goes on.

    Raises:
        AdloomError: a part could not start, or kept dying.
    """
    for name, value in FAST_FORWARD.items():
        os.environ.setdefault(name, value)
    folder = settings.local.folder / "demo"
    os.environ.setdefault("ADLOOM_MODEL__STORE", str((folder / "models").absolute()))
    progress.step(
        "Starting the broker, ClickHouse, seven stages, ad server, trainer, learner"
    )
    with LocalStack(_with_own_names(settings), folder) as stack:
        stack.wait_ready(stop)
        if stop.is_set():
            raise KeyboardInterrupt
        return _Demo(stack, folder, stop, progress).run()


def _with_own_names(settings: Settings) -> Settings:
    """On a broker of the user's, take topics and groups of our own."""
    if not settings.kafka_bootstrap_servers or settings.kafka.topic_prefix:
        return settings
    prefix = f"demo-{secrets.token_hex(3)}."
    os.environ["ADLOOM_KAFKA__TOPIC_PREFIX"] = prefix
    kafka = settings.kafka.model_copy(update={"topic_prefix": prefix})
    return settings.model_copy(update={"kafka": kafka})


class _Demo:
    """One run against a stack that is up."""

    def __init__(
        self, stack: LocalStack, folder: Path, stop: Event, progress: Progress
    ) -> None:
        self._stack = stack
        self._folder = folder
        self._stop = stop
        self._progress = progress
        self._clickhouse: Client = connect_to_read(stack.clickhouse_url)

    def run(self) -> DemoReport:
        log = open_bandit_log()
        replayed = self._replay(log)
        audience = asyncio.run(self._audience())
        self._settle()
        if self._stop.is_set():
            raise KeyboardInterrupt
        self._progress.step("Reading the effect from ClickHouse, writing the gallery")
        run = DemoRun(
            replayed=replayed,
            expected=expected_cells(log),
            audience=audience,
            counts=read_counts(self._stack.ports),
            cooldown_s=float(os.environ["ADLOOM_REQUESTS__COOLDOWN_S"]),
            gallery=self._folder / "gallery.html",
        )
        return summarise(run, self._clickhouse)

    def _replay(self, log: Path) -> ReplayCounts:
        events = replay_events(log, SEED)
        self._progress.step("Replaying the real Open Bandit log", len(events))
        settings = self._stack.settings
        return asyncio.run(
            replay(
                connection_of(settings),
                events,
                topic=settings.kafka.topic_prefix + BEHAVIOR.name,
                on_progress=self._progress.advance,
            )
        )

    async def _audience(self) -> AudienceResult:
        self._progress.step("Simulated people search, comment, look and click")
        ended = asyncio.Event()
        audience = asyncio.create_task(
            run_audience(
                self._stack.ad_server_url,
                AUDIENCE,
                ended,
                lambda so_far: self._progress.advance(so_far.requests),
            )
        )
        started = time.monotonic()
        while not audience.done() and not self._has_seen_enough(started):
            self._stack.watch()
            await asyncio.wait({audience}, timeout=WATCH_S)
        ended.set()
        return await audience

    def _has_seen_enough(self, started: float) -> bool:
        seconds = time.monotonic() - started
        swaps = read_counts(self._stack.ports).swaps
        self._progress.note(f"models swapped in so far: {swaps}")
        learnt = swaps >= N_SWAPS and seconds > AUDIENCE_LEAST_S
        limit_s = AUDIENCE_LIMIT_S if swaps else FIRST_SWAP_LIMIT_S
        return self._stop.is_set() or learnt or seconds > limit_s

    def _settle(self) -> None:
        """Wait until the counts in ClickHouse stand still: windows closed, rows in."""
        self._progress.step("Waiting for the last windows to close")
        deadline = time.monotonic() + SETTLE_LIMIT_S
        window_s = float(os.environ["ADLOOM_ATTRIBUTION__CLICK_WINDOW_S"])
        self._stop.wait(min(window_s + 1.0, SETTLE_LIMIT_S))
        before, still_since = self._counts(), time.monotonic()
        while time.monotonic() < deadline and not self._stop.wait(WATCH_S):
            self._stack.watch()
            now = self._counts()
            if now != before or not now:
                before, still_since = now, time.monotonic()
            elif time.monotonic() - still_since > STILL_S:
                return

    def _counts(self) -> list[int]:
        """Return rows of some tables; none when ClickHouse does not answer."""
        tables = ("behavior", "feedback", "dead_letter")
        sql = ", ".join(f"(SELECT count() FROM {table})" for table in tables)  # noqa: S608 - the names are above
        try:
            return list(rows(self._clickhouse, f"SELECT {sql}")[0])
        except UnavailableError:
            return []
