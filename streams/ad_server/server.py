"""Creatives in, ads out; views, texts and clicks in, records out: the HTTP server.

One asyncio process: the creative cache follows its topic, one producer sends what
people do, and docs/ad-server.md says what each address answers.
"""

import asyncio
import contextlib
import errno
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from streams.ad_server.ads import Ads
from streams.ad_server.asset_source import AssetSource
from streams.ad_server.collector import Door, pseudonym_key
from streams.ad_server.delivery import CreativeCache, Delivery
from streams.ad_server.door import DoorRoutes
from streams.ad_server.fallback import Fallbacks
from streams.ad_server.links import AdPages
from streams.ad_server.metrics import AdServerMetrics
from streams.ad_server.outbox import Outbox
from streams.ad_server.token import Signer
from streams.errors import UnavailableError
from streams.kafka.connection import Connection
from streams.kafka.schema_ids import schema_ids
from streams.kafka.topics import CREATIVE
from streams.kafka.wire import Wire
from streams.rendering.brand import BrandKit, brand_of, space_of
from streams.rendering.renderer import Renderer
from streams.runtime.clock import now_ms
from streams.settings import Settings

KEEP_ALIVE_S = 75
"""Longer than clients keep a connection, so that they, not we, close it."""

DRAIN_S = 5.0
"""Time at the end for open requests, and then for waiting records."""


def run(
    settings: Settings,
    *,
    connection: Connection,
    host: str = "127.0.0.1",
    port: int = 0,
    ready: Callable[[int], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT: the whole life of an ad server process."""
    asyncio.run(
        serve(settings, connection=connection, host=host, port=port, ready=ready)
    )


async def serve(
    settings: Settings,
    *,
    connection: Connection,
    host: str,
    port: int,
    ready: Callable[[int], None] | None = None,
    stop: asyncio.Event | None = None,
    drain_s: float = DRAIN_S,
) -> None:
    """Serve until `stop` is set; without one, until SIGTERM or SIGINT.

    Args:
        settings: all settings.
        connection: how to connect.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        ready: called with the port once /readyz answers 200.
        stop: ends the server when set; nobody else's signals are touched then.
        drain_s: time for waiting records to reach the broker at the end.

    Raises:
        UnavailableError: the port is busy, no broker answers, or a topic is missing.
        ConfigurationError: the pseudonym key, the brand or the space is unusable.
    """
    drawings = space_of(settings.model.space).drawings
    server = AdServer(settings, connection, brand_of(settings.brand, drawings))
    listener = bound_socket(host, port)
    try:
        with contextlib.nullcontext(stop) if stop else _stopped_by_signals() as ended:
            await server.start()
            await server.serve(listener, ready, ended)
    finally:
        listener.close()
        await server.stop(drain_s)


class AdServer:
    """The parts of one ad server, put together."""

    def __init__(
        self, settings: Settings, connection: Connection, brand: BrandKit
    ) -> None:
        ids = schema_ids(settings)
        wire = Wire(ids, settings.kafka.topic_prefix, settings.kafka.partitions)
        key = pseudonym_key(settings)
        self.metrics = AdServerMetrics()
        self.cache = CreativeCache()
        self.delivery = Delivery(connection, wire.name(CREATIVE), ids, self.cache)
        self.outbox = Outbox(connection, self.metrics)
        life_ms = int(settings.creatives.expiry_s * 1_000)
        renderer = Renderer(brand)
        self._fallbacks = Fallbacks(renderer, ids, life_ms)
        assets = AssetSource(wire, renderer)
        door, signer = Door(key), Signer(key)
        ads = Ads(
            self.cache,
            self._fallbacks,
            assets,
            self.outbox,
            wire,
            door,
            signer,
            brand,
            settings.requests,
            self.metrics,
            now_ms,
        )
        pages = AdPages(self.cache, self._fallbacks, assets, signer, brand, now_ms)
        routes = DoorRoutes(door, self.outbox, wire, ads.forget, self.metrics, now_ms)
        self.app = Starlette(
            routes=[
                Route("/v1/ad", ads.ad, methods=["GET"]),  # the hot one comes first
                Route("/v1/click/{token}", ads.click, methods=["GET"]),
                Route("/v1/events", routes.events, methods=["POST"]),
                Route("/v1/texts", routes.texts, methods=["POST"]),
                Route(
                    "/v1/profiles/{user:path}",
                    routes.profile,
                    methods=["PUT", "DELETE"],
                ),
                Route("/v1/creative/{token}/html", pages.creative, methods=["GET"]),
                Route("/v1/why/{token}", pages.why, methods=["GET"]),
                Route("/livez", _alive, methods=["GET"]),
                Route("/readyz", self._readiness, methods=["GET"]),
                Route("/metrics", self._measured, methods=["GET"]),
            ]
        )

    async def start(self) -> None:
        """Connect, and draw the fallbacks."""
        await self.outbox.start()
        await self.delivery.start()
        self._fallbacks.warm_up(now_ms())

    async def serve(
        self,
        listener: socket.socket,
        ready: Callable[[int], None] | None,
        ended: asyncio.Event,
    ) -> None:
        """Answer requests until `ended` is set or a part fails."""
        # The address holds the raw user id: no configuration may bring this log back.
        logging.getLogger("uvicorn.access").setLevel(logging.CRITICAL)
        http = _Http(
            uvicorn.Config(
                self.app,
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=int(DRAIN_S),
            )
        )
        answering = asyncio.create_task(http.serve(sockets=[listener]))
        parts = [
            asyncio.create_task(self.delivery.run(now_ms)),
            asyncio.create_task(self.outbox.run()),
        ]
        watching = asyncio.create_task(ended.wait())
        announcing = asyncio.create_task(self._announce(listener, ready))
        try:
            await asyncio.wait(
                [answering, watching, *parts], return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            http.should_exit = True
            await answering
            for task in (watching, announcing, *parts):
                task.cancel()
            outcomes = await asyncio.gather(*parts, announcing, return_exceptions=True)
            for outcome in outcomes:
                if isinstance(outcome, Exception):
                    raise outcome

    async def stop(self, drain_s: float) -> None:
        """Send what waits, and disconnect."""
        await self.outbox.stop(drain_s)
        await self.delivery.stop()

    async def _announce(
        self, listener: socket.socket, ready: Callable[[int], None] | None
    ) -> None:
        await self.delivery.caught_up.wait()
        if ready is not None:
            ready(listener.getsockname()[1])

    async def _readiness(self, _request: Request) -> Response:
        reasons = []
        if not self.delivery.caught_up.is_set():
            reasons.append(f"reading creatives: {self.delivery.n_read} so far")
        if self.outbox.is_stalled():
            reasons.append(f"the broker is away: {self.outbox.n_pending} records wait")
        answer = {"ready": not reasons, "reasons": reasons}
        return JSONResponse(answer, 503 if reasons else 200)

    async def _measured(self, _request: Request) -> Response:
        self.metrics.pending.set(self.outbox.n_pending)
        self.metrics.creatives.set(len(self.cache))
        self.metrics.creative_bytes.set(self.cache.n_bytes)
        self.metrics.rejected.set(self.delivery.n_rejected)
        text = generate_latest(self.metrics.registry)
        return Response(text, headers={"content-type": CONTENT_TYPE_LATEST})


def bound_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens on host and port.

    Raises:
        UnavailableError: the port is busy, or the address is not this machine's.
    """
    # asyncio turns Nagle's delay (40 ms a response) off only where it sees TCP named.
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise UnavailableError(
                f"port {port} on {host} is busy: stop what listens there, or set "
                "ADLOOM_LOCAL__AD_SERVER_PORT to another port (0: any free one)"
            ) from error
        raise UnavailableError(
            f"cannot listen on {host}:{port}: {error}; correct ADLOOM_LOCAL__HOST"
        ) from error
    return listener


async def _alive(_request: Request) -> Response:
    return PlainTextResponse("ok\n")


class _Http(uvicorn.Server):
    """Uvicorn without its signal handlers: `serve` owns the signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def _stopped_by_signals() -> Iterator[asyncio.Event]:
    """Give an event that the first signal sets; a second one ends at once."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)

    def leave() -> None:
        ended.set()
        for each in signals:
            loop.remove_signal_handler(each)

    for each in signals:
        loop.add_signal_handler(each, leave)
    try:
        yield ended
    finally:
        for each in signals:
            loop.remove_signal_handler(each)
