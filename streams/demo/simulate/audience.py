"""Simulated people -> HTTP requests to the ad server, as real people would cause them.

They search, comment and look at things, ask for ads, look at what they get, and click,
dismiss or go on. Nobody of them is real: their user ids begin with `sim-`. What they
like is hidden in `streams.demo.simulate.people`; the system sees what they do.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import aiohttp

from model_export.space.design_space import DesignSpace, load
from streams.columns.ids import derived_seed
from streams.demo.simulate.client import AdClient
from streams.demo.simulate.people import PeopleConfig, Population
from streams.demo.simulate.result import AudienceCounts, AudienceResult
from streams.demo.simulate.visit import Visit, VisitConfig

__all__ = ["AudienceConfig", "AudienceResult", "run_audience"]

PROGRESS_S = 1.0
LAST_CLICKS_S = 5.0
"""At the end, clicks that people are about to make are waited for this long."""


@dataclass(frozen=True, slots=True)
class AudienceConfig:
    """Who comes, how often, and what they do."""

    people: PeopleConfig = field(default_factory=PeopleConfig)
    visit: VisitConfig = field(default_factory=VisitConfig)
    requests_per_s: float = 100.0
    """HTTP requests of all people together, at most: leaves the machine some air."""
    concurrency: int = 16
    """Visits at the same time."""
    max_ads: int | None = None
    """Leave after this many ads; None: only when stopped."""
    seed: int = 1


class Pace:
    """Lets one request through every 1/rate seconds; missed turns are not made up."""

    def __init__(self, per_s: float) -> None:
        self._gap_s = 1.0 / per_s
        self._next = 0.0

    async def turn(self) -> None:
        """Wait for the next turn."""
        now = time.monotonic()
        self._next = max(self._next + self._gap_s, now)
        if self._next > now:
            await asyncio.sleep(self._next - now)


async def run_audience(
    base_url: str,
    config: AudienceConfig,
    stop: asyncio.Event,
    on_progress: Callable[[AudienceResult], None] | None = None,
    *,
    space: DesignSpace | None = None,
) -> AudienceResult:
    """Let simulated people visit until `stop` is set or `max_ads` is reached.

    Failures of the server are counted, never raised.

    Args:
        base_url: of the ad server, for example http://127.0.0.1:8080.
        config: who they are and what they do.
        stop: ends it; visits in progress end after their next request.
        on_progress: called about once a second, and at the end.
        space: creative space that tastes are calibrated on; the bundled one if None.
    """
    population = await asyncio.to_thread(Population, config.people, space or load())
    tally = AudienceCounts()
    pace = Pace(config.requests_per_s)
    clicks: set[asyncio.Task[None]] = set()
    connector = aiohttp.TCPConnector(limit=2 * config.concurrency)
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(
        base_url, connector=connector, timeout=timeout
    ) as session:
        client = AdClient(session, pace.turn, tally)

        async def visit_again_and_again(worker: int) -> None:
            rng = Random(derived_seed("visits", config.seed, worker))  # noqa: S311
            while not _is_over(stop, tally, config):
                visit = Visit(client, population, config.visit, tally, clicks, rng)
                await visit.run(lambda: _is_over(stop, tally, config))

        reporting = asyncio.create_task(_report(tally, on_progress))
        try:
            workers = map(visit_again_and_again, range(config.concurrency))
            await asyncio.gather(*workers)
            if clicks:
                await asyncio.wait(clicks, timeout=LAST_CLICKS_S)
        finally:
            reporting.cancel()
            for click in clicks:
                click.cancel()
            await asyncio.gather(reporting, *clicks, return_exceptions=True)
    result = tally.result()
    if on_progress is not None:
        on_progress(result)
    return result


def _is_over(
    stop: asyncio.Event, tally: AudienceCounts, config: AudienceConfig
) -> bool:
    reached = config.max_ads is not None and tally.n_ads >= config.max_ads
    return stop.is_set() or reached


async def _report(
    tally: AudienceCounts, on_progress: Callable[[AudienceResult], None] | None
) -> None:
    while on_progress is not None:
        await asyncio.sleep(PROGRESS_S)
        on_progress(tally.result())
