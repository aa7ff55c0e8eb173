"""GET /v1/ad, /v1/click/...: ads out, impressions and clicks in.

An ad request is answered from memory and never fails: without a creative for the person
there is the fallback, without a broker the records wait in the outbox.
"""

import json
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from schemas.records import Behavior, BehaviorKind, CreativeRequest, Record
from schemas.vocabulary import Placement, deployed
from streams.ad_server.asset_source import AssetSource
from streams.ad_server.collector import Door, InvalidRequestError
from streams.ad_server.delivery import CreativeCache, ReadyCreative
from streams.ad_server.fallback import ARM, Fallbacks
from streams.ad_server.links import bad_token, click_path
from streams.ad_server.metrics import AdServerMetrics
from streams.ad_server.outbox import Outbox, OutboxRecord
from streams.ad_server.token import ShownAd, Signer
from streams.columns.ids import derived_id
from streams.errors import RejectedRecordError
from streams.kafka.wire import Wire
from streams.rendering.brand import DEFAULT, BrandKit
from streams.rendering.renderer import spoken_language
from streams.settings import RequestsSettings

MAX_AGENT_CHARACTERS = 512
RECENT_REQUESTS = 100_000
"""(user, placement) pairs whose last creative request is remembered."""

NO_STORE = {"cache-control": "no-store", "referrer-policy": "no-referrer"}

_ANSWERS = {"": False, "0": False, "1": True, "false": False, "true": True}


class Ads:
    """The routes that people's devices call.

    Args:
        cache: creatives by person and placement.
        fallbacks: for everybody else.
        assets: rendered forms of creatives.
        outbox: where records go.
        wire: topic names and codecs.
        door: makes pseudonyms.
        signer: makes and reads the tokens in links.
        brand: whose landing page a click leads to.
        settings: life of a creative request, and the least time between two.
        metrics: what is counted.
        clock: returns now in epoch milliseconds.
    """

    def __init__(
        self,
        cache: CreativeCache,
        fallbacks: Fallbacks,
        assets: AssetSource,
        outbox: Outbox,
        wire: Wire,
        door: Door,
        signer: Signer,
        brand: BrandKit,
        settings: RequestsSettings,
        metrics: AdServerMetrics,
        clock: Callable[[], int],
    ) -> None:
        self._cache = cache
        self._fallbacks = fallbacks
        self._assets = assets
        self._outbox = outbox
        self._wire = wire
        self._door = door
        self._signer = signer
        self._brand = brand
        self._bucket_ms = max(1_000, int(settings.cooldown_s * 1_000))
        self._deadline_ms = int(settings.deadline_s * 1_000)
        self._metrics = metrics
        self._clock = clock
        self._asked: OrderedDict[tuple[str, str], int] = OrderedDict()

    async def ad(self, request: Request) -> Response:
        """Answer with an ad, and say that it was shown."""
        started = time.perf_counter()
        asked = request.query_params
        try:
            user_id = self._door.pseudonym(asked.get("user", ""))
            placement = _placement(asked.get("placement", ""))
            consent = _flag("consent", asked.get("consent", ""))
            with_assets = _flag("assets", asked.get("assets", ""))
        except InvalidRequestError as error:
            self._metrics.refused.inc()
            return JSONResponse({"errors": error.problems}, 400)
        language = spoken_language(asked.get("lang", DEFAULT))
        now = self._clock()
        entry = self._chosen(user_id, placement, language, now, consent=consent)
        shown = ShownAd(
            impression_id=secrets.token_hex(16),
            creative_id=entry.creative_id,
            user_id=user_id,
            placement=placement.name,
            surface=placement.surface,
            category=entry.category,
            language=entry.language,
            consent=consent,
            shown_at=now,
        )
        self._say_impression(shown, _agent(request))
        outcome = ARM if entry.is_fallback else "creative"
        self._metrics.ads.labels(placement.name, outcome).inc()
        body = self._body(shown, entry, with_assets=with_assets)
        self._metrics.ad_seconds.observe(time.perf_counter() - started)
        return Response(body, headers=NO_STORE, media_type="application/json")

    async def click(self, request: Request) -> Response:
        """Say that an ad was clicked and lead on to the advertiser's page."""
        try:
            shown = self._signer.shown(request.path_params["token"])
        except RejectedRecordError as error:
            self._metrics.refused.inc()
            return bad_token(error)
        if request.method == "GET":  # a HEAD request only looks where a link leads
            self._say_click(shown, _agent(request))
        landing = self._brand.landing(shown.creative_id)
        return RedirectResponse(landing, 302, headers=NO_STORE)

    def forget(self, user_id: str) -> None:
        """Show nothing more that was made for a person."""
        for placement in deployed().placements:
            self._cache.withdraw(user_id, placement)

    def _chosen(
        self,
        user_id: str,
        placement: Placement,
        language: str,
        now: int,
        *,
        consent: bool,
    ) -> ReadyCreative:
        """Return what to show; ask for a creative when there is none that fits.

        What personal preferences went into is not shown without consent, and words
        in a language that was not asked for are not shown at all.
        """
        entry = self._cache.get(user_id, placement.name, now)
        if (
            entry is not None
            and entry.language == language
            and (consent or entry.is_contextual)
        ):
            return entry
        self._ask(user_id, placement, language, now)
        return self._fallbacks.get(placement, language, now)

    def _ask(self, user_id: str, placement: Placement, language: str, now: int) -> None:
        """Ask for a creative, once a time bucket; every server gives the same id."""
        bucket = now // self._bucket_ms
        key = (user_id, placement.name)
        if self._asked.get(key) == bucket:
            return
        self._asked[key] = bucket
        self._asked.move_to_end(key)
        if len(self._asked) > RECENT_REQUESTS:
            self._asked.popitem(last=False)
        self._send(
            CreativeRequest(
                request_id=derived_id("explicit", user_id, placement.name, bucket),
                user_id=user_id,
                reason="explicit",
                placement=placement.name,
                surface=placement.surface,
                language=language,
                requested_at=now,
                deadline_at=now + self._deadline_ms,
            ),
            user_id,
        )

    def _say_impression(self, shown: ShownAd, user_agent: str | None) -> None:
        self._say("impression", shown.impression_id, shown.shown_at, shown, user_agent)

    def _say_click(self, shown: ShownAd, user_agent: str | None) -> None:
        """One link, one click: pressing it again repeats the same event id."""
        self._metrics.clicks.labels(shown.placement).inc()
        event_id = derived_id("click", shown.impression_id)
        self._say("click", event_id, self._clock(), shown, user_agent)

    def _say(
        self,
        kind: BehaviorKind,
        event_id: str,
        at: int,
        shown: ShownAd,
        user_agent: str | None,
    ) -> None:
        event = Behavior(
            event_id=event_id,
            user_id=shown.user_id,
            kind=kind,
            occurred_at=at,
            creative_id=shown.creative_id,
            impression_id=shown.impression_id,
            placement=shown.placement,
            surface=shown.surface,
            category=shown.category,
            consent=shown.consent,
            user_agent=user_agent,
        )
        self._send(event, shown.user_id)

    def _send(self, record: Record, key: str) -> None:
        kind = type(record)
        topic = self._wire.name(self._wire.topic_of(kind))
        self._outbox.post(
            OutboxRecord(topic, key, self._wire.codec(kind).encode(record))
        )

    def _body(
        self, shown: ShownAd, entry: ReadyCreative, *, with_assets: bool
    ) -> bytes:
        token = self._signer.token(shown)
        own = (
            f'{{"impression_id":"{shown.impression_id}",'
            f'"click_url":"{click_path(token)}",'
            f'"creative_url":"/v1/creative/{token}/html",'
            f'"why_url":"/v1/why/{token}",'
        ).encode()
        if not with_assets:
            return own + entry.json_fields + b"}"
        assets = [asdict(asset) for asset in self._assets.of(entry)]
        encoded = json.dumps(assets, ensure_ascii=False, separators=(",", ":")).encode()
        return own + entry.json_fields + b',"assets":' + encoded + b"}"


def _placement(name: str) -> Placement:
    if name not in deployed().placements:
        problem = f"expected one of {', '.join(deployed().placements)}"
        raise InvalidRequestError([{"at": "placement", "problem": problem}], 1)
    return deployed().placements[name]


def _flag(name: str, value: str) -> bool:
    if value not in _ANSWERS:
        raise InvalidRequestError([{"at": name, "problem": "expected 0 or 1"}], 1)
    return _ANSWERS[value]


def _agent(request: Request) -> str | None:
    agent = request.headers.get("user-agent")
    return agent[:MAX_AGENT_CHARACTERS] if agent else None
