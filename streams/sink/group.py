"""Topics, group -> the partitions that this member reads, and commits.

kafka-python keeps the membership: heartbeats, rebalances, committed offsets. It fetches
nothing: every partition is paused as soon as it is assigned, and `Feed` brings the
bytes.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from faust.types import TP
from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.errors import CommitFailedError, RebalanceInProgressError

from streams.kafka.fetch_cluster import EARLIEST
from streams.kafka.rejoin import Rejoin

LOG = structlog.get_logger(__name__)

_JOIN_MS = 100
"""Time that a poll may take while partitions are being dealt."""


class Group:
    """Membership of a consumer group.

    Args:
        bootstrap: broker addresses.
        group_id: name of the group.
        client_id: name of this client in the broker's logs.
        topics: to subscribe to.
        session_timeout_s: a member that is silent for so long has left.
    """

    def __init__(
        self,
        bootstrap: Sequence[str],
        group_id: str,
        client_id: str,
        topics: Sequence[str],
        session_timeout_s: float,
    ) -> None:
        session_ms = int(session_timeout_s * 1000)
        self._dealt = threading.Event()
        self._settled = threading.Event()
        self._consumer = KafkaConsumer(
            bootstrap_servers=bootstrap,
            bootstrap_timeout_ms=10_000,
            group_id=group_id,
            client_id=client_id,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=session_ms // 6,
        )
        # A leader that knows no partitions yet assigns none, and on Apache Kafka it
        # takes most of a session until the group is asked again.
        self._consumer.topics()
        self._consumer.subscribe(topics, listener=_Listener(self, self._consumer))

    def poll(self) -> bool:
        """Take part in the group; return True when partitions were dealt anew.

        Then `positions` are others, and what was read since the last commit may be
        somebody else's.
        """
        self._consumer.poll(timeout_ms=0 if self.is_settled() else _JOIN_MS)
        if not (self.is_settled() and self._dealt.is_set()):
            return False
        self._dealt.clear()
        return True

    def is_settled(self) -> bool:
        """Return False while partitions are being dealt: nothing can be committed."""
        return self._settled.is_set()

    def positions(self) -> dict[TP, int]:
        """Return where to go on in each assigned partition: what was committed."""
        return {
            TP(at.topic, at.partition): _or_earliest(self._consumer.committed(at))
            for at in self._consumer.assignment()
        }

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit next offsets; what was lost to another member is read again there."""
        found = {
            at: OffsetAndMetadata(offset, "", -1) for at, offset in offsets.items()
        }
        try:
            self._consumer.commit(found, timeout_ms=10_000)
        except (CommitFailedError, RebalanceInProgressError):
            LOG.warning("the group is being dealt anew; rows will come twice")

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close(autocommit=False, timeout_ms=5_000)

    # -- from kafka-python's input-output thread, where a commit is refused ----------

    def revoked(self, partitions: Any) -> None:
        """Partitions may go to another member."""
        self._settled.clear()
        if partitions:
            self._dealt.set()

    def assigned(self, partitions: Any) -> None:
        """Partitions come; kafka-python is not to fetch them."""
        self._consumer.pause(*partitions)
        if partitions:
            self._dealt.set()
        self._settled.set()


def _or_earliest(offset: int | None) -> int:
    return EARLIEST if offset is None else offset


class _Listener(Rejoin):
    """Tells a group what kafka-python says."""

    def __init__(self, group: Group, consumer: KafkaConsumer) -> None:
        super().__init__(consumer)
        self._group = group

    def on_partitions_revoked(self, revoked: Any) -> None:
        """Pass it on."""
        super().on_partitions_revoked(revoked)
        self._group.revoked(revoked)

    def on_partitions_assigned(self, assigned: Any) -> None:
        """Pass it on."""
        self._group.assigned(assigned)
