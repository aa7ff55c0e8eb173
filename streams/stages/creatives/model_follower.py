"""ads.model-release.v1, ads.posterior.v1 -> the models that answer requests."""

import asyncio
from collections.abc import Iterator

import structlog
from prometheus_client import Gauge, Histogram

from model_export.space.drawings import Drawings
from model_export.store.registry import Registry
from schemas.avro import AvroError
from schemas.records import Creative, ModelRelease, PosteriorUpdate
from schemas.vocabulary import deployed
from streams.engine.declaration import BuiltStage
from streams.errors import StateError
from streams.kafka.broadcast import follow
from streams.kafka.connection import connection_of
from streams.kafka.messages import Message
from streams.kafka.schema_ids import wire_of
from streams.kafka.topics import MODEL_RELEASE, POSTERIOR
from streams.kafka.wire import Wire
from streams.rendering.brand import brand_of, space_of
from streams.rendering.renderer import Renderer
from streams.runtime.clock import now_ms
from streams.settings import Settings
from streams.stages.creatives.arms import Arms
from streams.stages.creatives.inference import OnnxModel, load
from streams.stages.creatives.messages import CreativeMessages
from streams.stages.creatives.picking import Picker
from streams.stages.creatives.stage import Creatives

LOG = structlog.get_logger(__name__)
SWAPS = Gauge("adloom_model_swaps", "Times the serving champion was replaced.")

POSTERIOR_AGE = Histogram(
    "adloom_posterior_swap_seconds", "From a posterior's making to its serving."
)


class ModelFollower:
    """Keeps the arms on the newest release and on what its critics have learnt.

    Versions are loaded as they are named. A posterior takes the place of the one
    before between two micro-batches; one that cannot be trusted changes nothing.
    """

    def __init__(self, settings: Settings, arms: Arms, drawings: Drawings) -> None:
        self.ready = asyncio.Event()
        self._arms = arms
        self._drawings = drawings
        self._settings = settings
        self._registry = Registry(settings.model.store)
        self._models: dict[int, OnnxModel] = {}
        self._announced: dict[int, PosteriorUpdate] = {}
        """Version -> its newest posterior that has not been refused."""
        self._swapping = asyncio.Lock()

    async def run(self) -> None:
        """Follow the model topic for ever."""
        wire = wire_of(self._settings)
        codec = wire.codec(ModelRelease)
        connection = connection_of(self._settings)
        async for records in follow(connection, wire.name(MODEL_RELEASE)):
            releases = [codec.decode(r.value) for r in records if r.value is not None]
            ours = [
                release
                for release in releases
                if release.model_name == self._settings.model.name
            ]
            if ours:
                async with self._swapping:
                    await self._follow(ours[-1])
                    await self._learn()

    async def run_posteriors(self) -> None:
        """Follow the posterior topic for ever."""
        wire = wire_of(self._settings)
        connection = connection_of(self._settings)
        async for records in follow(connection, wire.name(POSTERIOR)):
            for update in self._updates(records):
                self._announced[update.version] = update
            async with self._swapping:
                await self._learn()

    def _updates(self, records: list[Message]) -> Iterator[PosteriorUpdate]:
        codec = wire_of(self._settings).codec(PosteriorUpdate)
        for record in records:
            try:
                update = codec.decode(record.value or b"")
            except AvroError as error:
                LOG.error("posterior skipped", offset=record.offset, why=str(error))
            else:
                if update.model_name == self._settings.model.name:
                    yield update

    async def _learn(self) -> None:
        """Swap in the newest posteriors of the versions at hand."""
        for version, model in list(self._models.items()):
            update = self._announced.get(version)
            if update is None or update.sha256 == model.posterior_sha256:
                continue
            try:
                newer = await asyncio.to_thread(
                    model.with_posterior, self._registry, update.sha256
                )
            except StateError as error:
                LOG.error("posterior refused", why=str(error), version=version)
                self._announced.pop(version)
                continue
            self._models[version] = newer
            self._arms.learn(newer)
            POSTERIOR_AGE.observe(max(0, now_ms() - update.made_at) / 1000)

    async def _follow(self, release: ModelRelease) -> None:
        """Swap to a release; a version that cannot be loaded changes nothing."""
        wanted = {release.champion_version: release.champion_sha256}
        if release.stage in ("shadow", "canary"):
            wanted[release.version] = release.sha256
        try:
            for version, sha256 in wanted.items():
                if version not in self._models:
                    model = await asyncio.to_thread(
                        load, self._registry, release.model_name, version, sha256
                    )
                    self._check_drawn(model)
                    self._models[version] = model
        except StateError as error:
            LOG.error("release not followed", why=str(error), version=release.version)
            return
        self._arms.follow(release, self._models)
        self._models = {version: self._models[version] for version in wanted}
        SWAPS.set(self._arms.n_swaps)
        self.ready.set()
        LOG.info(
            "release followed",
            stage=release.stage,
            version=release.version,
            champion=release.champion_version,
        )

    def _check_drawn(self, model: OnnxModel) -> None:
        """Raise StateError when a model's space has values that are not drawn here."""
        unknown = list(self._drawings.undrawable(model.space.categorical, {}))
        if unknown:
            (_, attribute, value), _ = unknown[0]
            raise StateError(
                f"{model.name} version {model.version} chooses {attribute} = {value!r} "
                f"(and {len(unknown) - 1} more), which the space of `model.space` does "
                "not draw; give this worker the space that the model was made for"
            )


def build(settings: Settings, wire: Wire) -> BuiltStage:
    """Return the stage that answers creative requests, and what follows its models."""
    arms = Arms(settings.creatives.control_share)
    space = space_of(settings.model.space)
    follower = ModelFollower(settings, arms, space.drawings)
    messages = CreativeMessages(
        wire.codec(Creative).frame,
        space,
        deployed(),
        Renderer(brand_of(settings.brand, space.drawings)),
        n_candidates=settings.creatives.candidates,
        with_assets=settings.creatives.assets == "inline",
    )
    picker = Picker(settings.creatives, space)
    stage = Creatives(settings.creatives, deployed(), arms, picker, messages)
    return BuiltStage(
        stage, follower.ready.wait, (follower.run, follower.run_posteriors)
    )
