"""What a stage says of itself: everything around it is derived from this.

Each folder of `streams/stages` declares one stage in its `__init__.py`. Workers,
topics, the local stack, deploy/compose.yaml, the help texts and the tables of docs/
read the declarations; no other file lists the stages.
"""

from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from typing import Any

from schemas.records import Record
from streams.engine.stage import SectionedStage, SnapshottedStage, Stage
from streams.errors import ConfigurationError
from streams.kafka.topics import TOPICS, Topic
from streams.kafka.wire import Wire
from streams.settings import Settings


class State(Enum):
    """Where a stage's state is kept, unless a topic of the contract is its state."""

    CHANGELOG = "a changelog topic of its own"
    NONE = "nothing is kept"


@dataclass(frozen=True, slots=True)
class BuiltStage:
    """A stage, and what runs beside it."""

    stage: Stage
    before_batch: Callable[[], Coroutine[Any, Any, Any]] | None = None
    """Awaited before each batch: a stage that needs a model waits for it."""
    tasks: tuple[Callable[[], Coroutine[Any, Any, None]], ...] = ()
    """Run as long as the worker does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One stage of the flow.

    `streams.stages.<name>.<module>.build(settings, wire)` makes the stage: a `Stage`,
    or a `BuiltStage` when something runs beside it.
    """

    name: str
    """Its folder, its worker, its compose service; part of its consumer group."""
    help: str
    """One line for people: what it does."""
    keeps: str
    """What its state holds, and where that comes back from, in a few words."""
    sources: tuple[type[Record], ...]
    outputs: tuple[type[Record], ...]
    state: State | type[Record]
    """A record type says that its compacted topic is the state."""
    rewound: tuple[type[Record], ...] = ()
    """Sources that are read from their beginning after each assignment."""
    n_replicas: int | None = None
    """None: as many as the topics have partitions; 1 for global state."""
    checkpoint_s: Callable[[Settings], float] = lambda s: s.kafka.checkpoint_s
    """Longest time between checkpoints."""
    snapshot_s: Callable[[Settings], float] = lambda _: 0.0
    """Least time between local snapshots of a partition; 0 for none."""
    module: str = "stage"

    def build(self, settings: Settings, wire: Wire) -> BuiltStage:
        """Return the stage, checked against what is declared here.

        Raises:
            ConfigurationError: the declaration and the stage contradict each other.
        """
        module = import_module(f"streams.stages.{self.name}.{self.module}")
        built = module.build(settings, wire)
        built = built if isinstance(built, BuiltStage) else BuiltStage(built)
        for fault in self._faults(built.stage):
            raise ConfigurationError(
                f"stage {self.name} cannot start: {fault}; "
                f"correct STAGE in streams/stages/{self.name}/__init__.py"
            )
        return built

    def changelog(self, settings: Settings) -> str | None:
        """Return the deployed name of the topic that keeps the state, if any."""
        if self.state is State.NONE:
            return None
        if self.state is State.CHANGELOG:
            return f"{group_of(self.name, settings)}-changelog"
        return settings.kafka.topic_prefix + _topic_of(self.state).name

    def _faults(self, stage: Stage) -> Iterable[str]:
        if (stage.name, stage.sources) != (self.name, self.sources):
            yield "its class has another name or other sources than its declaration"
        if not set(self.rewound) <= set(self.sources):
            yield "a rewound topic is not among its sources"
        if self.state is State.NONE:
            if isinstance(stage, SectionedStage | SnapshottedStage):
                yield "it writes state and declares State.NONE, no topic to keep it on"
        elif self.state is not State.CHANGELOG and not _topic_of(self.state).compacted:
            yield f"its state topic {_topic_of(self.state).name} is not compacted"


def group_of(stage: str, settings: Settings) -> str:
    """Return the consumer group of a stage."""
    return f"{settings.kafka.topic_prefix}adloom-{stage}-v1"


def _topic_of(record: Any) -> Topic:
    return next(topic for topic in TOPICS if topic.record is record)
