"""An error code of a partition's answer -> try again, or stop.

Codes: https://kafka.apache.org/protocol#protocol_error_codes.
"""

from aiokafka.errors import for_code

from streams.errors import StateError
from streams.kafka.fetched import TP
from streams.kafka.refusals import may_not

_OUT_OF_RANGE = 1
_NOT_AUTHORISED = 29

_RETRIABLE = {
    -1: "UNKNOWN_SERVER_ERROR",
    3: "UNKNOWN_TOPIC_OR_PARTITION",
    5: "LEADER_NOT_AVAILABLE",
    6: "NOT_LEADER_OR_FOLLOWER",
    7: "REQUEST_TIMED_OUT",
    8: "BROKER_NOT_AVAILABLE",
    9: "REPLICA_NOT_AVAILABLE",
    13: "NETWORK_EXCEPTION",
    56: "KAFKA_STORAGE_ERROR",
    74: "FENCED_LEADER_EPOCH",
    75: "UNKNOWN_LEADER_EPOCH",
    78: "OFFSET_NOT_AVAILABLE",
}


def is_out_of_range(code: int) -> bool:
    """Return whether the broker has no such offset."""
    return code == _OUT_OF_RANGE


def check_retriable(tp: TP, code: int) -> str:
    """Return the name of an error that another try, perhaps elsewhere, may mend.

    Raises:
        StateError: it would not.
    """
    if code in _RETRIABLE:
        return _RETRIABLE[code]
    if code == _NOT_AUTHORISED:
        raise StateError(may_not(f"topic {tp.topic}", "READ it"))
    raise StateError(
        f"{tp.topic}-{tp.partition} cannot be fetched: expected records, came Kafka "
        f"error {code} ({for_code(code).__name__}); the broker's log says why"
    )
