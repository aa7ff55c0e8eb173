"""Options -> brokers, datasets and rounds: what every measurement is made in."""

import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from kafka.admin import KafkaAdminClient

from benchmarks.brokers import ROOT, Broker, apache_kafka, local_broker
from benchmarks.dataset.events import Spec
from benchmarks.dataset.load import load
from benchmarks.dataset.store import Dataset, dataset
from streams.kafka.connection import Connection
from streams.kafka.topic_admin import create_topics
from streams.kafka.topics import BEHAVIOR
from streams.settings import KafkaSettings

_KEPT_S = 6 * 3_600


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    runs: int = 3
    n_events: int = 3_000_000
    n_users: int = 50_000
    scale: float = 1.0
    """Of fixed sizes (5 million users, 100,000 events/s): smaller for a trial."""
    duplicates: float = 0.01
    broker: str = "apache"
    peers: tuple[str, ...] | None = None
    """Names; None for all that can run here."""
    folder: Path = ROOT / "var" / "bench"

    @property
    def is_trial(self) -> bool:
        """True when sizes are not those that the docs report; more events are."""
        usual = Options()
        return (
            self.scale != usual.scale
            or self.n_events < usual.n_events
            or self.n_users != usual.n_users
            or self.duplicates != usual.duplicates
            or self.broker != usual.broker
        )

    @property
    def spec(self) -> Spec:
        """Return the dataset that most figures use."""
        return Spec(
            n_events=self.n_events, n_users=self.n_users, duplicates=self.duplicates
        )

    def scaled(self, size: int) -> int:
        """Return a fixed size, as large as this trial wants it."""
        return max(1, int(size * self.scale))


@dataclass(frozen=True)
class Loaded:
    """A dataset on a broker, under a prefix that nobody has used."""

    broker: Broker
    prefix: str
    dataset: Dataset

    @property
    def topic(self) -> str:
        """Return the topic that holds the events."""
        return self.prefix + BEHAVIOR.name

    @property
    def bootstrap(self) -> str:
        """Return the broker's address."""
        return self.broker.bootstrap

    @property
    def ends(self) -> dict[tuple[str, int], int]:
        """Return the offsets after the last events, by topic and partition."""
        return {(self.topic, n): end for n, end in enumerate(self.dataset.ends)}


@dataclass
class Session:
    """Brokers that live as long as the session."""

    options: Options
    _stack: ExitStack = field(default_factory=ExitStack)
    _apache: Broker | None = None

    def __enter__(self) -> Self:
        """Drop what runs of earlier days left; their logs are of no use any more."""
        for folder in (self.options.folder / "scratch").glob("*"):
            if time.time() - folder.stat().st_mtime > _KEPT_S:
                shutil.rmtree(folder, ignore_errors=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def dataset(self, spec: Spec) -> Dataset:
        """Return a dataset, made when it is not cached."""
        return dataset(spec, self.options.folder / "datasets")

    def scratch(self, name: str) -> Path:
        """Return a new folder."""
        folder = self.options.folder / "scratch" / f"{name}-{secrets.token_hex(4)}"
        folder.mkdir(parents=True)
        return folder

    @contextmanager
    def broker(self, kind: str | None = None) -> Iterator[Broker]:
        """Yield a broker; the local one is new each time, for it never forgets."""
        if (kind or self.options.broker) == "local":
            with local_broker(self.options.folder) as local:
                yield local
            return
        if self._apache is None:
            folder = self.options.folder / "kafka"
            self._apache = self._stack.enter_context(apache_kafka(folder))
        yield self._apache

    @contextmanager
    def topics(
        self, n_partitions: int = 4, kind: str | None = None
    ) -> Iterator[tuple[Broker, str]]:
        """Yield a broker and the prefix of new, empty topics; then delete them."""
        with self.broker(kind) as broker:
            prefix = f"b{secrets.token_hex(4)}."
            settings = KafkaSettings(topic_prefix=prefix, partitions=n_partitions)
            changelogs = [f"{prefix}adloom-{stage}-v1-changelog" for stage in _STATEFUL]
            made = create_topics(Connection(broker.bootstrap), settings, changelogs)
            yield broker, prefix
            if broker.name != "local broker":
                _delete(broker.bootstrap, [topic.spec.name for topic in made])

    @contextmanager
    def round(self, spec: Spec, kind: str | None = None) -> Iterator[Loaded]:
        """Yield a dataset on a broker: one round of ours and the peers."""
        made = self.dataset(spec)
        with self.topics(spec.n_partitions, kind) as (broker, prefix):
            loaded = Loaded(broker, prefix, made)
            seconds = load(made, broker.bootstrap, loaded.topic)
            megabytes = made.n_bytes / 1e6
            note(f"{broker.name}: {megabytes:,.0f} MB loaded in {seconds:.1f} s")
            yield loaded


_STATEFUL = ("texts", "requests", "attribution", "retraining", "rollout")


def note(text: str) -> None:
    """Say what is going on, on stderr."""
    sys.stderr.write(f"  {text}\n")


def resized(spec: Spec, **changes: object) -> Spec:
    """Return a spec with other values."""
    return replace(spec, **changes)  # type: ignore[arg-type]


def _delete(bootstrap: str, names: list[str]) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap.split(","))
    try:
        admin.delete_topics(names, raise_errors=False)
    finally:
        admin.close()
