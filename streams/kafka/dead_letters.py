"""A bad record -> `dlq.<topic>`: its key and bytes untouched, the reason in headers.

Header names follow Kafka Connect's `errors.deadletterqueue.context.headers.enable`
(`__connect.errors.topic` ...), so that tools which read those read ours. Values are
UTF-8 text, numbers in decimal.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from streams.errors import RejectedRecordError

MAX_REASON_CHARS = 1_000
"""A reason may quote its record; no longer than this."""

_PREFIX = "__connect.errors."
_TOPIC = _PREFIX + "topic"
_PARTITION = _PREFIX + "partition"
_OFFSET = _PREFIX + "offset"
_STAGE = _PREFIX + "stage"
_MESSAGE = _PREFIX + "exception.message"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What is sent for one bad record."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a dead letter came from and why."""

    topic: str
    partition: int
    offset: int
    stage: str
    reason: str


def dead_letter_topic(topic: str) -> str:
    """Return the dead-letter topic of a deployed topic (prefix included).

    >>> dead_letter_topic("ads.behavior.v1")
    'dlq.ads.behavior.v1'
    """
    return "dlq." + topic


def dead_letter(
    topic: str,
    partition: int,
    offset: int,
    key: bytes | None,
    value: bytes | None,
    stage: str,
    reason: str,
) -> DeadLetter:
    """Return the dead letter of a record that `stage` cannot use.

    Args:
        topic: deployed topic that the record was read from.
        partition: its partition there.
        offset: its offset there.
        key: its key, kept as it is.
        value: its bytes, kept as they are.
        stage: who rejected it, for example `preferences`.
        reason: what was expected and what came, for the person who reads it.
    """
    headers = [
        (_TOPIC, topic.encode()),
        (_PARTITION, str(partition).encode()),
        (_OFFSET, str(offset).encode()),
        (_STAGE, stage.encode()),
        (_MESSAGE, reason[:MAX_REASON_CHARS].encode("utf-8", "replace")),
    ]
    return DeadLetter(dead_letter_topic(topic), key, value, headers)


def origin_of(headers: Iterable[tuple[str, bytes | None]]) -> Origin:
    """Read the headers of a dead letter back.

    Raises:
        RejectedRecordError: a header is missing, or a number is none.
    """
    found = {name: (value or b"").decode("utf-8", "replace") for name, value in headers}
    try:
        return Origin(
            topic=found[_TOPIC],
            partition=int(found[_PARTITION]),
            offset=int(found[_OFFSET]),
            stage=found.get(_STAGE, ""),
            reason=found.get(_MESSAGE, ""),
        )
    except (KeyError, ValueError) as error:
        raise RejectedRecordError(
            f"not a dead letter: expected the headers {_TOPIC}, {_PARTITION} and "
            f"{_OFFSET}, got {sorted(found)}"
        ) from error
