"""One visit of a simulated person: look around, see ads, react."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from schemas.vocabulary import deployed
from streams.demo.simulate.client import AdClient
from streams.demo.simulate.people import Population
from streams.demo.simulate.result import AudienceCounts
from streams.demo.simulate.texts import comment, query


@dataclass(frozen=True, slots=True)
class VisitConfig:
    """What people do in a visit."""

    views: tuple[int, int] = (1, 4)
    """Things looked at, from and to."""
    ads: tuple[int, int] = (3, 7)
    """Ads seen, from and to."""
    searches: float = 0.5
    """Probability of a search."""
    comments: float = 0.15
    """Probability of a comment."""
    dismissals: float = 0.01
    """Probability that an ad which is not clicked is dismissed."""
    conversions: float = 0.1
    """Probability that a click ends in a purchase."""
    robot_clicks: float = 0.6
    """Probability that a robot clicks an ad."""
    pause_s: tuple[float, float] = (0.0, 0.0)
    """How long a person reads on between two things they do."""
    think_s: tuple[float, float] = (0.3, 1.5)
    """How long a person looks before a click; robots do not look."""
    placements: tuple[tuple[str, float], ...] = (
        ("feed-card", 0.6),
        ("search-top", 0.2),
        ("video-end", 0.12),
        ("speaker", 0.08),
    )
    """Where a person is in a visit, and how often."""


class Visit:
    """One person, once.

    Args:
        client: what requests go through.
        population: everybody, and the truth about them.
        config: what people do.
        tally: counts.
        clicks: clicks in the making; this visit's are added.
        rng: what happens by chance.
    """

    def __init__(
        self,
        client: AdClient,
        population: Population,
        config: VisitConfig,
        tally: AudienceCounts,
        clicks: "set[asyncio.Task[None]]",
        rng: Random,
    ) -> None:
        self._client = client
        self._population = population
        self._config = config
        self._tally = tally
        self._clicks = clicks
        self._rng = rng
        self._person = population.visitor(rng.random())
        self._dismissals: list[dict[str, Any]] = []
        names, shares = zip(*config.placements, strict=True)
        self._placement: str = rng.choices(names, shares)[0]

    async def run(self, is_over: Callable[[], bool]) -> None:
        """Visit; `is_over` says between requests whether to leave early."""
        steps: list[Callable[[], Awaitable[None]]] = []
        if self._person.number not in self._tally.seen:
            self._tally.seen.add(self._person.number)
            steps.append(self._introduce)
        steps.append(self._look_around)
        steps += [self._see_ad] * self._rng.randint(*self._config.ads)
        for step in steps:
            if is_over():
                return
            await step()
            if not self._person.is_robot:
                await asyncio.sleep(self._rng.uniform(*self._config.pause_s))
        if self._dismissals:
            await self._client.events(self._person, self._dismissals)

    async def _introduce(self) -> None:
        await self._client.profile(self._person)

    async def _look_around(self) -> None:
        """View, search, comment."""
        rng, texts = self._rng, []
        views = rng.randint(*self._config.views)
        events = [self._event("view", self._category()) for _ in range(views)]
        if rng.random() < self._config.searches:
            category = self._category()
            events.append(self._event("search", category))
            texts.append(self._text("search", category))
        if rng.random() < self._config.comments:
            # People also comment on what they bought once and did not like.
            texts.append(self._text("comment", rng.choice(deployed().categories)))
        await self._client.events(self._person, events)
        if texts:
            await self._client.texts(self._person, texts)

    async def _see_ad(self) -> None:
        """Ask for an ad, look at it, and react."""
        ad = await self._client.ad(self._person, self._placement)
        if ad is None:
            return
        if self._person.is_robot:
            if self._rng.random() < self._config.robot_clicks:
                self._start_click(ad, after_s=0.0)
            return
        chance = self._population.click_probability(
            self._person,
            ad["design"],
            ad["category"],
            deployed().placements[self._placement].surface,
        )
        clicks = self._rng.random() < chance
        self._tally.look(ad["arm"], chance, clicks=clicks)
        if clicks:
            self._start_click(ad, after_s=self._rng.uniform(*self._config.think_s))
        elif self._rng.random() < self._config.dismissals:
            self._tally.n_dismissals += 1
            self._dismissals.append(self._reaction("dismiss", ad))

    def _start_click(self, ad: dict[str, Any], after_s: float) -> None:
        task = asyncio.create_task(self._click(ad, after_s))
        self._clicks.add(task)
        task.add_done_callback(self._clicks.discard)

    async def _click(self, ad: dict[str, Any], after_s: float) -> None:
        await asyncio.sleep(after_s)
        if not await self._client.click(self._person, ad["click_url"]):
            return
        buys = self._rng.random() < self._config.conversions
        if buys and not self._person.is_robot:
            self._tally.n_conversions += 1
            bought = self._reaction("conversion", ad)
            bought["value"] = round(self._rng.lognormvariate(3.0, 0.7), 2)
            await self._client.events(self._person, [bought])

    def _category(self) -> str:
        return self._population.category(self._person, self._rng.random())

    def _event(self, kind: str, category: str | None) -> dict[str, Any]:
        return {
            "event_id": _new_id(),
            "user_id": self._person.user_id,
            "kind": kind,
            "category": category,
            "consent": self._person.consent,
            "user_agent": self._person.user_agent,
        }

    def _reaction(self, kind: str, ad: dict[str, Any]) -> dict[str, Any]:
        return {
            **self._event(kind, ad["category"]),
            "creative_id": ad["creative_id"],
            "impression_id": ad["impression_id"],
            "placement": ad["placement"],
            "surface": ad["surface"],
        }

    def _text(self, kind: str, category: str) -> dict[str, Any]:
        person, rng = self._person, self._rng
        if kind == "search":
            text = query(category, person.language, rng)
        else:
            liked = self._population.likes(person, category)
            text = comment(category, person.language, rng, liked=liked)
        return {
            "text_id": _new_id(),
            "user_id": person.user_id,
            "kind": kind,
            "text": text,
            "language": person.language,
            "consent": person.consent,
        }


def _new_id() -> str:
    """Return an id that a second run with the same seed does not repeat."""
    return f"sim-{secrets.token_hex(12)}"
