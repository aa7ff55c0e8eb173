"""The contract and the settings -> topics on a broker, made once, never changed.

An existing topic is left as it is: growing the partitions of a keyed topic moves keys
away from their state, so a difference is an error that a person has to settle.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.errors import ConfigurationError, StateError, UnavailableError
from streams.kafka.connection import Connection, explained
from streams.kafka.dead_letters import dead_letter_topic
from streams.kafka.loop_thread import run_apart
from streams.kafka.topics import CREATIVE, TOPICS, Topic
from streams.settings import KafkaSettings

RETENTION_DAYS = 7
"""Age at which a record of a topic that is not compacted is deleted."""

DEAD_LETTER_RETENTION_DAYS = 14
"""The same for dead letters: a person has to look at them first."""

ERASURE_DAYS = 7
"""A compacted topic has dropped what a tombstone erases by then, plus a segment."""

_DAY_MS = 86_400_000
_COMPACTED = {
    "cleanup.policy": "compact",
    # Without it a tombstone may wait for ever for enough other writes.
    "max.compaction.lag.ms": str(ERASURE_DAYS * _DAY_MS),
}
_EXPIRING = {"cleanup.policy": "delete", "retention.ms": str(RETENTION_DAYS * _DAY_MS)}
_DEAD_LETTERS = {
    "cleanup.policy": "delete",
    "retention.ms": str(DEAD_LETTER_RETENTION_DAYS * _DAY_MS),
}
_ALREADY_EXISTS = 36  # of Kafka's error codes
_PATIENCE_S = 30.0
_LOOKS = 300


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic as it should be."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PlannedTopic:
    """One topic as it should be, and whether it is there."""

    spec: TopicSpec
    exists: bool


def specs(settings: KafkaSettings, changelogs: Iterable[str] = ()) -> list[TopicSpec]:
    """Return every topic of the contract, its dead letters, and `changelogs`.

    Args:
        settings: prefix, partitions and replicas.
        changelogs: names with their prefix; each gets as many partitions as the keyed
            topics, because partition p of a stage's state follows partition p of
            its sources.
    """
    wanted: dict[str, TopicSpec] = {}

    def want(name: str, partitions: int, config: Mapping[str, str]) -> None:
        wanted[name] = TopicSpec(name, partitions, settings.replication, config)

    for topic in TOPICS:
        partitions = 1 if topic.single_partition else settings.partitions
        name = settings.topic_prefix + topic.name
        want(name, partitions, _config(topic))
        want(dead_letter_topic(name), 1, _DEAD_LETTERS)
    for name in changelogs:
        want(name, settings.partitions, _COMPACTED)
    return list(wanted.values())


def plan(
    connection: Connection, settings: KafkaSettings, changelogs: Iterable[str] = ()
) -> list[PlannedTopic]:
    """Return what `create_topics` would make and what is there already.

    Raises:
        UnavailableError: the broker does not answer.
        ConfigurationError: it does not let this client in.
        StateError: topics exist with other partition counts; names all of them.
    """
    wanted = specs(settings, changelogs)
    return run_apart(lambda: _with_admin(connection, partial(_plan, wanted)))


def create_topics(
    connection: Connection, settings: KafkaSettings, changelogs: Iterable[str] = ()
) -> list[PlannedTopic]:
    """Make the topics that are missing; return the plan as it was before.

    Safe to repeat, and safe when several processes do it at once.

    Raises:
        UnavailableError: the broker does not answer.
        ConfigurationError: the broker refuses a topic: too many replicas, no right.
        StateError: topics exist with other partition counts; nothing is made.
    """
    wanted = specs(settings, changelogs)
    return run_apart(lambda: _with_admin(connection, partial(_make, wanted)))


async def _make(
    wanted: list[TopicSpec], admin: AIOKafkaAdminClient
) -> list[PlannedTopic]:
    planned = await _plan(wanted, admin)
    missing = [topic.spec for topic in planned if not topic.exists]
    if missing:
        await _create(admin, missing)
        await _wait_for(missing, admin)
    return planned


async def _wait_for(made: list[TopicSpec], admin: AIOKafkaAdminClient) -> None:
    """Return once they are known; another process may have made them differently."""
    for _ in range(_LOOKS):
        if all(topic.exists for topic in await _plan(made, admin)):
            return
        await asyncio.sleep(_PATIENCE_S / _LOOKS)
    raise UnavailableError(
        "topics were made, and the brokers do not show them: check the controller"
    )


def _config(topic: Topic) -> dict[str, str]:
    if topic is CREATIVE:
        # The newest per person and place, but an old one is of no use to anybody.
        return {**_COMPACTED, **_EXPIRING, "cleanup.policy": "compact,delete"}
    return _COMPACTED if topic.compacted else _EXPIRING


async def _with_admin(
    connection: Connection,
    work: Callable[[AIOKafkaAdminClient], Awaitable[list[PlannedTopic]]],
) -> list[PlannedTopic]:
    admin = AIOKafkaAdminClient(**connection.arguments, client_id="adloom-topics")
    try:
        async with explained(connection), asyncio.timeout(_PATIENCE_S):
            await admin.start()
            return await work(admin)
    finally:
        await admin.close()


async def _plan(
    wanted: list[TopicSpec], admin: AIOKafkaAdminClient
) -> list[PlannedTopic]:
    # All that there are: a broker may make a topic that is asked for by its name.
    found: dict[str, int] = {
        topic["topic"]: len(topic["partitions"])
        for topic in await admin.describe_topics()
        if topic["error_code"] == 0
    }
    different = [
        f"  {spec.name}: {found[spec.name]} partitions, expected {spec.partitions}"
        for spec in wanted
        if found.get(spec.name, spec.partitions) != spec.partitions
    ]
    if different:
        raise StateError(
            "topics exist with other partition counts, and changing them would move "
            "keys away from their state:\n"
            + "\n".join(different)
            + "\nset ADLOOM_KAFKA__PARTITIONS to what is there, or use another "
            "ADLOOM_KAFKA__TOPIC_PREFIX"
        )
    return [PlannedTopic(spec, spec.name in found) for spec in wanted]


async def _create(admin: AIOKafkaAdminClient, missing: list[TopicSpec]) -> None:
    answer = await admin.create_topics(
        [
            NewTopic(
                spec.name,
                spec.partitions,
                spec.replication,
                topic_configs=dict(spec.config),
            )
            for spec in missing
        ]
    )
    refused: dict[str, list[str]] = {}
    for name, code, *message in answer.topic_errors:
        if code not in (0, _ALREADY_EXISTS):
            reason = next(filter(None, message), f"error {code}")
            refused.setdefault(reason, []).append(name)
    if refused:
        raise ConfigurationError(
            "the broker refused topics; correct ADLOOM_KAFKA__REPLICATION, "
            "ADLOOM_KAFKA__PARTITIONS or the rights of this user:\n"
            + "\n".join(f"  {', '.join(t)}: {why}" for why, t in refused.items())
        )
