"""One stage -> one Faust app: Faust keeps the life cycle, the engine does the work."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

import faust
import structlog
from faust.auth import (
    Credentials,
    OAuthCredentials,
    SASLCredentials,
    SSLCredentials,
)
from faust.tables.manager import TableManager
from yarl import URL

from streams.engine.checkpoints import EngineConfig
from streams.engine.declaration import Declaration, State, group_of
from streams.engine.engine import Engine
from streams.engine.folders import folder_of, snapshots_of
from streams.engine.transport import Batch, BatchConsumer, BatchTransport
from streams.kafka.connection import Connection, connection_of
from streams.kafka.fetched import TP
from streams.kafka.schema_ids import wire_of
from streams.settings import Settings

LOG = structlog.get_logger(__name__)

WAITING_BATCHES = 2
"""Fetches that may wait for the agent before fetching pauses."""

MAX_REQUEST_BYTES = 1024 * 1024

STUCK_S = 60.0
"""A worker whose consumer gave no sign for so long ends itself, to be replaced."""


class StageApp:
    """A Faust app that runs one stage as it is declared.

    Raises:
        ConfigurationError: the stage contradicts its declaration.
    """

    def __init__(self, declared: Declaration, settings: Settings) -> None:
        self.wire = wire_of(settings)
        built = declared.build(settings, self.wire)
        self.stage = stage = built.stage
        self.settings = settings
        snapshot_s = declared.snapshot_s(settings)
        connection = connection_of(settings)
        self.faust = _faust_app(stage.name, settings, connection)
        consumer = cast(BatchConsumer, self.faust.consumer)
        consumer.rewound_topics = frozenset(
            self.wire.name(self.wire.topic_of(record)) for record in declared.rewound
        )
        consumer.connection = connection
        self.engine = Engine(
            stage,
            self.wire,
            self.faust.producer,
            consumer,
            EngineConfig(
                changelog=declared.changelog(settings),
                is_output=not isinstance(declared.state, State),
                checkpoint_s=declared.checkpoint_s(settings),
                connection=connection,
                snapshots=snapshots_of(stage.name, settings) if snapshot_s else None,
                snapshot_s=snapshot_s,
            ),
        )
        self._before_batch = built.before_batch
        self._last_sign = time.monotonic()
        self._subscribe(consumer)
        self._connect()
        self.faust.timer(STUCK_S / 4)(self._end_when_stuck)
        for task in built.tasks:
            self.faust.task(task)

    def is_live(self) -> bool:
        """Return False when the consumer has given no sign for too long."""
        return time.monotonic() - self._last_sign < STUCK_S

    def is_ready(self) -> bool:
        """Return True once partitions are assigned and their state is restored."""
        return self.engine.ready.is_set()

    def _subscribe(self, consumer: BatchConsumer) -> None:
        for record in self.stage.sources:
            name = self.wire.name(self.wire.topic_of(record))
            self.faust.topics.add(self.faust.topic(name))
        batches = self.faust.channel(maxsize=WAITING_BATCHES)

        async def deliver(batch: Batch) -> None:
            await batches.send(value=batch)

        consumer.deliver = deliver

        async def work(stream: Any) -> None:
            async for batch in cast(AsyncIterator[Batch], stream):
                await self._work(batch)

        self.faust.agent(batches, name=self.stage.name, concurrency=1)(work)

    async def _work(self, batch: Batch) -> None:
        """Hand a batch to the engine; an error ends the worker, nothing is acked."""
        self._last_sign = time.monotonic()
        try:
            await self._wait_for_what_it_needs()
            await self.engine.on_batch(batch)
        except Exception as error:
            LOG.exception("stage failed; the worker stops", stage=self.stage.name)
            await self.faust.crash(error)
            raise

    async def _wait_for_what_it_needs(self) -> None:
        """Wait without looking stuck: there may be no model yet."""
        if self._before_batch is None:
            return
        waiting = asyncio.ensure_future(self._before_batch())
        while not waiting.done():
            await asyncio.wait({waiting}, timeout=STUCK_S / 4)
            self._last_sign = time.monotonic()
        await waiting

    def _connect(self) -> None:
        async def gain(_: Any, assigned: set[TP], **_kwargs: Any) -> None:
            await self.engine.gain(assigned)

        async def lose(_: Any, revoked: set[TP], **_kwargs: Any) -> None:
            await self.engine.lose(revoked)

        async def stop(_: Any, **_kwargs: Any) -> None:
            await self.engine.stop()

        app: Any = self.faust
        app.on_partitions_assigned.connect(gain)
        app.on_partitions_revoked.connect(lose)
        app.on_before_shutdown.connect(stop)
        self._handlers = (gain, lose, stop)  # Faust keeps weak references only

    async def _end_when_stuck(self) -> None:
        if not self.is_live():
            LOG.error("no sign of the consumer; the worker stops", limit_s=STUCK_S)
            await self.faust.crash(TimeoutError("consumer is stuck"))


class _NoTables(TableManager):
    """Faust's table manager, without the second that it waits for tables at a start."""

    async def on_start(self) -> None:
        await self._update_channels()
        await self.recovery.start()


def _credentials(security: Mapping[str, Any]) -> Credentials | None:
    """Return what Faust's own clients of the group and the producer need."""
    protocol = security.get("security_protocol", "PLAINTEXT")
    tls = security.get("ssl_context")
    if protocol == "PLAINTEXT":
        return None
    if protocol == "SSL":
        return SSLCredentials(tls)
    if security["sasl_mechanism"] == "OAUTHBEARER":
        return OAuthCredentials(
            oauth_cb=security["sasl_oauth_token_provider"], ssl_context=tls
        )
    return SASLCredentials(
        username=security["sasl_plain_username"],
        password=security["sasl_plain_password"],
        mechanism=security["sasl_mechanism"],
        ssl_context=tls,
    )


def _faust_app(stage: str, settings: Settings, connection: Connection) -> faust.App:
    urls = [URL(f"kafka://{host}:{port}") for host, port in connection.addresses]
    session_s = settings.kafka.session_timeout_s
    folder = folder_of(stage, settings)
    folder.mkdir(parents=True, exist_ok=True)
    app = faust.App(
        group_of(stage, settings),
        broker=urls,
        broker_credentials=_credentials(connection.security),
        store="memory://",
        datadir=str(folder),
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        broker_session_timeout=session_s,
        broker_heartbeat_interval=session_s / 6,
        broker_request_timeout=max(90.0, session_s),
        producer_max_request_size=MAX_REQUEST_BYTES,
        TableManager=_NoTables,
    )
    app.transport = BatchTransport(urls, app)
    return app
