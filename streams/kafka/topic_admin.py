"""The contract and the settings -> topics on a broker, made once, never changed.

An existing topic is left as it is: growing the partitions of a keyed topic moves keys
away from their state, so a difference is an error that a person has to settle.
"""

import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from streams.errors import ConfigurationError, StateError, UnavailableError
from streams.kafka.dead_letters import dead_letter_topic
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
_PATIENCE_S = 5.0


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
    bootstrap: str, settings: KafkaSettings, changelogs: Iterable[str] = ()
) -> list[PlannedTopic]:
    """Return what `create_topics` would make and what is there already.

    Raises:
        UnavailableError: the broker does not answer.
        StateError: topics exist with other partition counts; names all of them.
    """
    with _admin(bootstrap) as admin:
        return _plan(admin, specs(settings, changelogs))


def create_topics(
    bootstrap: str, settings: KafkaSettings, changelogs: Iterable[str] = ()
) -> list[PlannedTopic]:
    """Make the topics that are missing; return the plan as it was before.

    Safe to repeat, and safe when several processes do it at once.

    Raises:
        UnavailableError: the broker does not answer.
        ConfigurationError: the broker refuses a topic: too many replicas, no right.
        StateError: topics exist with other partition counts; nothing is made.
    """
    with _admin(bootstrap) as admin:
        planned = _plan(admin, specs(settings, changelogs))
        missing = [topic.spec for topic in planned if not topic.exists]
        if missing:
            _create(admin, missing)
            _plan(admin, missing)  # another process may have made them differently
    return planned


def _config(topic: Topic) -> dict[str, str]:
    if topic is CREATIVE:
        # The newest per person and place, but an old one is of no use to anybody.
        return {**_COMPACTED, **_EXPIRING, "cleanup.policy": "compact,delete"}
    return _COMPACTED if topic.compacted else _EXPIRING


@contextmanager
def _admin(bootstrap: str) -> Iterator[KafkaAdminClient]:
    # A client that cannot bootstrap leaves its thread and sockets open: ask first.
    _wait_for_any(bootstrap)
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=bootstrap.split(","),
            bootstrap_timeout_ms=int(_PATIENCE_S * 1_000),
            client_id="adloom-topics",
        )
    except (KafkaError, OSError) as error:
        raise _silent(bootstrap) from error
    try:
        yield admin
    except (KafkaError, OSError) as error:
        raise UnavailableError(f"the broker at {bootstrap} failed: {error}") from error
    finally:
        admin.close()


def _wait_for_any(bootstrap: str) -> None:
    """Return once one of the addresses accepts a connection."""
    deadline = time.monotonic() + _PATIENCE_S
    while not any(_accepts(address.strip()) for address in bootstrap.split(",")):
        if time.monotonic() > deadline:
            raise _silent(bootstrap)
        time.sleep(0.1)


def _accepts(address: str) -> bool:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise ConfigurationError(
            f"KAFKA_BOOTSTRAP_SERVERS: expected host:port,host:port, got {address!r}"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=1.0).close()
    except (OSError, OverflowError):
        return False
    return True


def _silent(bootstrap: str) -> UnavailableError:
    return UnavailableError(
        f"no Kafka broker answers at {bootstrap}: start it, "
        "or correct KAFKA_BOOTSTRAP_SERVERS"
    )


def _plan(admin: KafkaAdminClient, wanted: list[TopicSpec]) -> list[PlannedTopic]:
    found: dict[str, int] = {
        topic["name"]: len(topic["partitions"])
        for topic in admin.describe_topics([spec.name for spec in wanted])
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


def _create(admin: KafkaAdminClient, missing: list[TopicSpec]) -> None:
    answer: dict[str, list[dict[str, Any]]] = admin.create_topics(
        {
            spec.name: {
                "num_partitions": spec.partitions,
                "replication_factor": spec.replication,
                "configs": dict(spec.config),
            }
            for spec in missing
        },
        raise_errors=False,
    )
    refused: dict[str, list[str]] = {}
    for topic in answer["topics"]:
        if topic["error_code"] not in (0, _ALREADY_EXISTS):
            reason = topic["error_message"] or f"error {topic['error_code']}"
            refused.setdefault(reason, []).append(topic["name"])
    if refused:
        raise ConfigurationError(
            "the broker refused topics; correct ADLOOM_KAFKA__REPLICATION, "
            "ADLOOM_KAFKA__PARTITIONS or the rights of this user:\n"
            + "\n".join(f"  {', '.join(t)}: {why}" for why, t in refused.items())
        )
    admin.wait_for_topics([spec.name for spec in missing])
