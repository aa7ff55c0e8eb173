"""A rebalance that kafka-python has begun -> one that it ends.

A member that finds new partitions in the metadata rejoins its group. kafka-python 3.0
asks before every step whether it still has to, and the first step makes the answer no:
if the poll ends before the broker has answered, the answer is never taken, heartbeats
stay off, and the member is out of its group until the process ends. Java had the same
(KAFKA-9815).
"""

from typing import Any

from kafka import ConsumerRebalanceListener, KafkaConsumer


class Rejoin(ConsumerRebalanceListener):  # type: ignore[misc]  # untyped package
    """To be given to `subscribe`: a rejoin stays wanted until it is done.

    Args:
        consumer: whose group it is.
    """

    def __init__(self, consumer: KafkaConsumer) -> None:
        self._consumer = consumer

    def on_partitions_revoked(self, revoked: Any) -> None:  # noqa: ARG002
        """Want the rejoin that begins now; the end of it clears the wish."""
        # There is no public way; the library's own heartbeat says it like this.
        self._consumer._coordinator.request_rejoin()  # noqa: SLF001

    def on_partitions_assigned(self, assigned: Any) -> None:
        """Do nothing: it is done."""
