"""ads.model-release.v1, ads.feedback.v1 -> ads.posterior.v1.

For each version that serves or is on trial the feedback is read from where the version
stopped learning (`learnt_to` of its card), so that there is no state to keep: a learner
that dies reads again and knows the same. A new posterior goes into the model registry
under its digest first and is announced after that; workers check the digest. One that
cannot be a belief about people is refused, and what served goes on serving.
"""

import threading
import time
from typing import Any

import structlog

from model_export.store.onnx_file import ModelFileError
from model_export.store.registry import Registry, RegistryError
from schemas.avro import AvroError
from schemas.records import ModelRelease, PosteriorUpdate
from streams.kafka.blocking_reader import BlockingReader
from streams.kafka.connection import checked_connection
from streams.kafka.fetch_cluster import EARLIEST
from streams.kafka.fetched import TP
from streams.kafka.messages import Message
from streams.kafka.producer import BlockingProducer, Sent
from streams.kafka.schema_ids import wire_of
from streams.kafka.topics import MODEL_RELEASE, POSTERIOR
from streams.runtime.clock import now_ms
from streams.runtime.service import serve
from streams.settings import Settings
from streams.training.live_version import VersionLearner

LOG = structlog.get_logger(__name__)

POLL_MS = 100
FORGET_EVERY_S = 3_600.0
_DAY_MS = 86_400_000


class Learner:
    """Follows the releases, and lets the versions that they name learn on."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._wire = wire_of(settings)
        self._registry = Registry(settings.model.store)
        connection = checked_connection(settings)
        self._producer = BlockingProducer(connection, "adloom-learner")
        self._releases = BlockingReader(connection, max_wait_ms=POLL_MS)
        self._releases.assign({TP(self._wire.name(MODEL_RELEASE), 0): EARLIEST})
        self._versions: dict[int, VersionLearner] = {}
        self._forget_at = 0.0
        self.ready = threading.Event()
        self._stopping = threading.Event()

    def stop(self, *_: Any) -> None:
        """End after the current step."""
        self._stopping.set()

    def run(self) -> None:
        """Work until stopped.

        Raises:
            UnavailableError: the broker does not answer.
            StateError: its answers cannot be understood.
        """
        try:
            while not self._stopping.is_set():
                self._follow()
                for one in self._versions.values():
                    one.read(POLL_MS)
                    self._announce(one.update())
                self._forget()
                self.ready.set()
        finally:
            for one in self._versions.values():
                one.close()
            self._releases.close()
            self._producer.close()

    def _follow(self) -> None:
        """Learn for the champion and for the version on trial."""
        wait_s = 0.0 if self._versions else POLL_MS / 1000
        records = self._releases.read_messages(wait_s)
        ours = [one for one in map(self._release, records) if one is not None]
        if ours:
            self._serve(ours[-1])

    def _release(self, record: Message) -> ModelRelease | None:
        if record.value is None:
            return None
        try:
            release = self._wire.codec(ModelRelease).decode(record.value)
        except AvroError as error:
            LOG.error("skipped", offset=record.offset, why=str(error))
            return None
        return release if release.model_name == self._settings.model.name else None

    def _serve(self, release: ModelRelease) -> None:
        wanted = {release.champion_version: release.champion_sha256}
        if release.stage in ("shadow", "canary"):
            wanted[release.version] = release.sha256
        for version in set(self._versions) - set(wanted):
            self._versions.pop(version).close()
        for version, sha256 in wanted.items():
            if version not in self._versions:
                self._begin(release.model_name, version, sha256)

    def _begin(self, name: str, version: int, sha256: str) -> None:
        try:
            self._versions[version] = VersionLearner(
                self._settings, self._registry, name, version, sha256
            )
        except (RegistryError, ModelFileError) as error:
            LOG.error("release not followed", version=version, why=str(error))
        else:
            LOG.info("learning on", version=version)

    def _announce(self, update: PosteriorUpdate | None) -> None:
        if update is None:
            return
        self._producer.send(
            Sent(
                self._wire.name(POSTERIOR),
                f"{update.model_name}/{update.version}".encode(),
                self._wire.codec(PosteriorUpdate).encode(update),
            )
        )

    def _forget(self) -> None:
        """Delete the posteriors that no creative on its topic was picked with."""
        if time.monotonic() < self._forget_at:
            return
        self._forget_at = time.monotonic() + FORGET_EVERY_S
        before = now_ms() - int(self._settings.learner.keep_days * _DAY_MS)
        n = self._registry.forget_posteriors(self._settings.model.name, before)
        if n:
            LOG.info("posteriors forgotten", n=n)


def run(settings: Settings) -> int:
    """Run the learner until SIGINT or SIGTERM; return the exit status."""
    return serve(Learner(settings), settings)
