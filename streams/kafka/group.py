"""Topics, group -> the partitions that this member reads, and commits.

aiokafka keeps the membership, in a thread of its own: heartbeats go on however long the
caller is busy, up to `idle_s`. It fetches nothing: every partition is paused as soon as
it is assigned, and a `BlockingReader` brings the bytes.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from streams.kafka.connection import Connection, explained
from streams.kafka.fetch_cluster import EARLIEST
from streams.kafka.fetched import TP
from streams.kafka.loop_thread import LoopThread
from streams.kafka.refusals import refusal

LOG = structlog.get_logger(__name__)

_JOIN_S = 0.1
"""Time that a poll may take while partitions are being dealt."""


class Group:
    """Membership of a consumer group.

    Args:
        connection: how to connect.
        group_id: name of the group.
        client_id: name of this client in the broker's logs.
        topics: to subscribe to.
        session_timeout_s: a member that is silent for so long has left.
        idle_s: so has one that does not poll for so long.

    Raises:
        UnavailableError, ConfigurationError: no broker answers, or lets this user in.
    """

    def __init__(
        self,
        connection: Connection,
        group_id: str,
        client_id: str,
        topics: Sequence[str],
        session_timeout_s: float,
        idle_s: float = 300.0,
    ) -> None:
        self._where = connection
        self._dealt = threading.Event()
        self._settled = threading.Event()
        self._thread = LoopThread()
        session_ms = int(session_timeout_s * 1000)
        settings = {
            **connection.arguments,
            "group_id": group_id,
            "client_id": client_id,
            "enable_auto_commit": False,
            "session_timeout_ms": session_ms,
            "heartbeat_interval_ms": session_ms // 6,
            "max_poll_interval_ms": int(idle_s * 1000),
            "partition_assignment_strategy": (RangePartitionAssignor,),
        }
        try:
            self._consumer = self._thread.run(self._join(settings, topics))
        except BaseException:
            self._thread.close()
            raise

    def poll(self) -> bool:
        """Take part in the group; return True when partitions were dealt anew.

        Then `positions` are others, and what was read since the last commit may be
        somebody else's.

        Raises:
            UnavailableError, ConfigurationError: the group is gone, or forbidden.
        """
        self._thread.run(self._poll())
        if not (self._settled.wait(_JOIN_S) and self._dealt.is_set()):
            return False
        self._dealt.clear()
        return True

    def is_settled(self) -> bool:
        """Return False while partitions are being dealt: nothing can be committed."""
        return self._settled.is_set()

    def is_current(self) -> bool:
        """Return whether partitions are what they were at the last `poll`."""
        return self._settled.is_set() and not self._dealt.is_set()

    def positions(self) -> dict[TP, int]:
        """Return where to go on in each assigned partition: what was committed."""
        return self._thread.run(self._positions())

    def commit(self, offsets: Mapping[TP, int]) -> None:
        """Commit next offsets; what was lost to another member is read again there."""
        self._thread.run(self._commit(offsets))

    def close(self) -> None:
        """Leave the group."""
        try:
            self._thread.run(self._consumer.stop())
        finally:
            self._thread.close()

    # -- in the thread ------------------------------------------------------------

    async def _join(
        self, settings: Mapping[str, Any], topics: Sequence[str]
    ) -> AIOKafkaConsumer:
        consumer = AIOKafkaConsumer(**settings)
        try:
            async with explained(self._where):
                await consumer.start()
        except BaseException:
            await consumer.stop()
            raise
        consumer.subscribe(topics, listener=_Listener(self, consumer))
        return consumer

    async def _poll(self) -> None:
        try:
            await self._consumer.getmany(timeout_ms=0)
        except KafkaError as error:
            raise self._refused(error) from error

    async def _positions(self) -> dict[TP, int]:
        try:
            return {
                TP(at.topic, at.partition): EARLIEST if offset is None else offset
                for at in self._consumer.assignment()
                for offset in [await self._consumer.committed(at)]
            }
        except KafkaError as error:
            raise self._refused(error) from error

    async def _commit(self, offsets: Mapping[TP, int]) -> None:
        found = {TopicPartition(*at): offset for at, offset in offsets.items()}
        try:
            await self._consumer.commit(found)
        except (CommitFailedError, IllegalStateError):
            LOG.warning("the group is being dealt anew; records will come twice")
        except KafkaError as error:
            raise self._refused(error) from error

    def _refused(self, error: KafkaError) -> Exception:
        return refusal(error, self._where.bootstrap, self._where.security)

    def revoked(self) -> None:
        """Note that partitions may go to another member."""
        self._settled.clear()
        self._dealt.set()

    def assigned(self) -> None:
        """Note that partitions have come."""
        self._dealt.set()
        self._settled.set()


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # untyped package
    """Tells a group what aiokafka says."""

    def __init__(self, group: Group, consumer: AIOKafkaConsumer) -> None:
        self._group = group
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: Any) -> None:  # noqa: ARG002
        """Pass it on."""
        self._group.revoked()

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """Pass it on; aiokafka is not to fetch them."""
        self._consumer.pause(*assigned)
        self._group.assigned()
