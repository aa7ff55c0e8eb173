"""The ad server's HTTP interface as a simulated person's device uses it."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from streams.demo.simulate.people import SimulatedPerson
from streams.demo.simulate.result import AudienceCounts

_OK = 200
_ACCEPTED = 202
_FOUND = 302
_PAUSE_AFTER_FAILURE_S = 0.2


class AdClient:
    """Sends requests, and counts what was sent and what failed.

    Args:
        session: HTTP client with the server's base address.
        turn: waited for before each request.
        tally: counts.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        turn: Callable[[], Awaitable[None]],
        tally: AudienceCounts,
    ) -> None:
        self._session = session
        self._turn = turn
        self._tally = tally

    async def ad(
        self, person: SimulatedPerson, placement: str
    ) -> dict[str, Any] | None:
        """Return an ad for a person, or None when the server failed."""
        await self._turn()
        self._tally.n_ad_requests += 1
        started = time.perf_counter()
        asked = {
            "user": person.user_id,
            "placement": placement,
            "lang": person.language,
            "consent": str(int(person.consent)),
        }
        body = await self._body("GET", "/v1/ad", person, _OK, params=asked)
        if body is None:
            return None
        self._tally.ad_seconds.append(time.perf_counter() - started)
        self._tally.n_ads += 1
        ad: dict[str, Any] = json.loads(body)
        self._tally.n_fallbacks += bool(ad["fallback"])
        return ad

    async def click(self, person: SimulatedPerson, url: str) -> bool:
        """Follow an ad's link as far as the server's answer."""
        body = await self._body("GET", url, person, _FOUND, allow_redirects=False)
        self._tally.n_clicks += body is not None
        return body is not None

    async def events(
        self, person: SimulatedPerson, events: list[dict[str, Any]]
    ) -> None:
        """Send what a person did."""
        await self._turn()
        if await self._body("POST", "/v1/events", person, _ACCEPTED, json=events):
            self._tally.n_events += len(events)

    async def texts(self, person: SimulatedPerson, texts: list[dict[str, Any]]) -> None:
        """Send what a person wrote."""
        await self._turn()
        if await self._body("POST", "/v1/texts", person, _ACCEPTED, json=texts):
            self._tally.n_texts += len(texts)

    async def profile(self, person: SimulatedPerson) -> None:
        """Say who a person is."""
        profile = {
            "language": person.language,
            "region": person.region,
            "age_band": person.age_band,
            "device": person.device,
            "consent": person.consent,
        }
        await self._turn()
        path = f"/v1/profiles/{person.user_id}"
        await self._body("PUT", path, person, _ACCEPTED, json=profile)

    async def _body(
        self,
        method: str,
        path: str,
        person: SimulatedPerson,
        expected: int,
        **more: Any,
    ) -> bytes | None:
        """Return the answer's body, or None, counted, when it is not as expected."""
        self._tally.n_http += 1
        headers = {"user-agent": person.user_agent}
        try:
            async with self._session.request(
                method, path, headers=headers, **more
            ) as response:
                body = await response.read()
                if response.status == expected:
                    return body
                reason = f"{method} {path.split('/')[2].split('?', maxsplit=1)[0]}: "
                reason += f"status {response.status}"
        except (aiohttp.ClientError, TimeoutError) as error:
            reason = f"{method}: {type(error).__name__}"
        self._tally.failures[reason] += 1
        await asyncio.sleep(_PAUSE_AFTER_FAILURE_S)
        return None
