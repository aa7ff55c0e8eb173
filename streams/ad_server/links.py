"""GET /v1/creative/..., /v1/why/...: the pages that an ad's links lead to."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from schemas.vocabulary import deployed
from streams.ad_server.asset_source import AssetSource
from streams.ad_server.delivery import CreativeCache, ReadyCreative
from streams.ad_server.fallback import Fallbacks
from streams.ad_server.pages import PAGE_HEADERS, linked, why_page
from streams.ad_server.token import ShownAd, Signer
from streams.errors import RejectedRecordError
from streams.rendering.brand import BrandKit


class AdPages:
    """Pages about one impression.

    Args:
        cache: creatives by person and placement.
        fallbacks: for everybody else.
        assets: their rendered forms.
        signer: reads the tokens in links.
        brand: whose ads these are.
        clock: returns now in epoch milliseconds.
    """

    def __init__(
        self,
        cache: CreativeCache,
        fallbacks: Fallbacks,
        assets: AssetSource,
        signer: Signer,
        brand: BrandKit,
        clock: Callable[[], int],
    ) -> None:
        self._cache = cache
        self._fallbacks = fallbacks
        self._assets = assets
        self._signer = signer
        self._brand = brand
        self._clock = clock

    async def creative(self, request: Request) -> Response:
        """Show the creative of an ad as a page, its link leading through the click."""
        token = request.path_params["token"]
        try:
            shown = self._signer.shown(token)
        except RejectedRecordError as error:
            return bad_token(error)
        entry = self._current(shown)
        if entry is None:
            return JSONResponse(_error("this creative has been replaced"), 404)
        assets = self._assets.of(entry)
        pages = [a.content for a in assets if a.media_type == "text/html"]
        pictures = [a.content for a in assets if a.media_type == "image/svg+xml"]
        landing = self._brand.landing(shown.creative_id)
        page = linked(pages, pictures, landing, click_path(token))
        return HTMLResponse(page, headers=PAGE_HEADERS)

    async def why(self, request: Request) -> Response:
        """Say in plain words why a person saw an ad."""
        try:
            shown = self._signer.shown(request.path_params["token"])
        except RejectedRecordError as error:
            return bad_token(error)
        entry = self._current(shown)
        reason = None if entry is None else entry.explanation
        page = why_page(shown, reason, self._brand.name)
        return HTMLResponse(page, headers=PAGE_HEADERS)

    def _current(self, shown: ShownAd) -> ReadyCreative | None:
        """Return the creative of an impression while it is still at hand."""
        now = self._clock()
        placement = deployed().placements[shown.placement]
        for entry in (
            self._cache.get(shown.user_id, shown.placement, now),
            self._fallbacks.get(placement, shown.language, now),
        ):
            if entry is not None and entry.creative_id == shown.creative_id:
                return entry
        return None


def click_path(token: str) -> str:
    """Return the path that counts a click and leads to the landing page."""
    return f"/v1/click/{token}"


def bad_token(error: RejectedRecordError) -> Response:
    """Return the answer to a link that was not made here."""
    return JSONResponse(_error(str(error)), 400)


def _error(problem: str) -> dict[str, list[dict[str, str]]]:
    return {"errors": [{"at": "token", "problem": problem}]}
