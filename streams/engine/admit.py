"""Message -> record, or the reason why it cannot be used: the same for all readers."""

from schemas.avro import AvroError, Codec
from schemas.records import Record
from streams.admission.records import reason_to_reject
from streams.kafka.topics import Topic


def admit(
    topic: Topic, codec: Codec[Record], key: bytes | None, value: bytes, now: int
) -> Record:
    """Return the record in a message.

    Args:
        topic: topic of the contract that it came on.
        codec: of the topic's record.
        key: message key.
        value: message value.
        now: epoch ms, for instants that cannot be.

    Raises:
        AvroError: it is malformed, absurd, or keyed by somebody else; says which.
    """
    record = codec.decode(value)
    reason = reason_to_reject(record, now)
    if reason is None and topic.key == "user id":
        reason = _wrong_key(key, getattr(record, "user_id", ""))
    if reason is not None:
        raise AvroError(reason)
    return record


def _wrong_key(key: bytes | None, user_id: str) -> str | None:
    if key == user_id.encode():
        return None
    return f"key {(key or b'')[:64]!r} is not the record's user id: joins would miss it"
