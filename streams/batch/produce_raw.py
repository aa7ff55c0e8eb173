"""Sealed batches -> Kafka, a request per leader and round, copied three times.

The bulk way beside `prebuilt`, for changelogs: aiokafka's own encoder copies every
batch eight times, which is most of what sending costs. Connections, leaders and answers
are aiokafka's. Layout: https://kafka.apache.org/protocol#The_Messages_Produce
"""

import asyncio
import struct
import time
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import Any

import aiokafka
from aiokafka import errors
from aiokafka.protocol.produce import ProduceRequest

_ALL_REPLICAS = -1
_BROKER_TIMEOUT_MS = 30_000
_BACKOFF_S = 0.1
_OLDEST_VERSION = 3
"""Of Produce: the first with version 2 record batches; the layout is one up to 8."""

_HEAD = struct.Struct(">hhii")  # no transaction, acks, timeout, number of topics
_LENGTH = struct.Struct(">h")
_COUNT = struct.Struct(">i")
_PARTITION = struct.Struct(">ii")

_Queues = dict[int, deque[bytes]]


async def produce_raw(
    producer: aiokafka.AIOKafkaProducer,
    topic: str,
    batches: Mapping[int, Sequence[bytes]],
    *,
    timeout_s: float = 60.0,
) -> None:
    """Send batches; return when all replicas have all of them.

    A partition's batches arrive in order, one request at a time. Their order among what
    `producer` has queued itself is not defined. A batch whose answer was lost is sent
    again and can be there twice.

    Args:
        producer: started; only its connections and metadata are used.
        topic: that exists.
        batches: partition -> sealed batches, each at most the topic's
            max.message.bytes.
        timeout_s: seconds for everything, retries included.

    Raises:
        aiokafka.errors.KafkaError: the first that retrying does not cure, or any when
            the time is over: nobody knows then which batches are stored.
    """
    left = {partition: deque(queue) for partition, queue in batches.items() if queue}
    deadline = time.monotonic() + timeout_s
    if missing := left.keys() - await producer.partitions_for(topic):
        raise errors.UnknownTopicOrPartitionError(
            f"{topic}: partitions {sorted(missing)} do not exist"
        )
    while left:
        by_leader = _by_leader(producer.client, topic, left)
        answers = await asyncio.gather(
            *(
                _send(producer.client, leader, topic, heads)
                for leader, heads in by_leader.items()
            )
        )
        failed = _settle(answers, left)
        if failed is not None:
            if not failed.retriable or time.monotonic() > deadline:
                raise failed
            await asyncio.sleep(_BACKOFF_S)
            await producer.client.force_metadata_update()


def _by_leader(client: Any, topic: str, left: _Queues) -> dict[int, dict[int, bytes]]:
    """Return leader -> partition -> its next batch; leader -1 where there is none."""
    found: dict[int, dict[int, bytes]] = defaultdict(dict)
    for partition, queue in left.items():
        tp = aiokafka.TopicPartition(topic, partition)
        leader = client.cluster.leader_for_partition(tp)
        found[-1 if leader is None else leader][partition] = queue[0]
    return found


async def _send(
    client: Any, leader: int, topic: str, heads: dict[int, bytes]
) -> dict[int, errors.KafkaError | None]:
    """Send one request; return partition -> what is wrong, None for stored."""
    if leader < 0:
        return dict.fromkeys(heads, errors.LeaderNotAvailableError())
    request = _JoinedProduceRequest(
        None, _ALL_REPLICAS, _BROKER_TIMEOUT_MS, [(topic, list(heads.items()))]
    )
    try:
        response = await client.send(leader, request)
    except errors.KafkaError as error:
        return dict.fromkeys(heads, error)
    codes = {
        partition: code
        for _, partitions in response.topics
        for partition, code, *_ in partitions
    }
    unanswered = errors.UnknownError.errno
    return {partition: _error(codes.get(partition, unanswered)) for partition in heads}


def _error(code: int) -> errors.KafkaError | None:
    return None if code == 0 else errors.for_code(code)()


def _settle(
    answers: list[dict[int, errors.KafkaError | None]], left: _Queues
) -> errors.KafkaError | None:
    """Forget what is stored; return one error, one that retrying cannot cure first."""
    failures = []
    for answer in answers:
        for partition, error in answer.items():
            if error is not None:
                failures.append(error)
                continue
            left[partition].popleft()
            if not left[partition]:
                del left[partition]
    return min(failures, key=lambda error: error.retriable, default=None)


class _JoinedProduceRequest(ProduceRequest):  # type: ignore[misc]  # untyped package
    """aiokafka's request, encoded by one join instead of one for each level."""

    def build(self, request_struct_class: Any) -> Any:
        """Return the request in the broker's version. Called by aiokafka."""
        if request_struct_class.API_VERSION < _OLDEST_VERSION:
            raise errors.IncompatibleBrokerVersion(
                f"Produce {request_struct_class.API_VERSION}: expected 3 to 8; use "
                "Apache Kafka 0.11 or later"
            )
        built = super().build(request_struct_class)
        built.encode = self._joined
        return built

    def _joined(self) -> bytes:
        ((topic, heads),) = self._topics
        name = topic.encode()
        parts = [
            _HEAD.pack(-1, self._required_acks, self._timeout, 1),
            _LENGTH.pack(len(name)),
            name,
            _COUNT.pack(len(heads)),
        ]
        for partition, batch in heads:
            parts += (_PARTITION.pack(partition, len(batch)), batch)
        return b"".join(parts)
