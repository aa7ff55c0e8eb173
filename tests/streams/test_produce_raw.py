import aiokafka
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    UnknownTopicOrPartitionError,
)
from aiokafka.protocol import produce

from streams.batch.batch_header import seal
from streams.batch.compression import CODECS
from streams.batch.produce_raw import _JoinedProduceRequest, produce_raw
from streams.batch.record_batches import records_section
from tests.streams.raw_fetch import delete_topic, make_topic, read_payloads

NOW = 1_700_000_000_000


def pairs(n, start=0):
    return [(b"user%d" % at, b"state %d" % at) for at in range(start, start + n)]


def batch(written, compression=None):
    section = records_section(written)
    return seal(section, len(written), base_timestamp=NOW, compression=compression)


@pytest.mark.parametrize("codec", [None, *CODECS])
async def test_batches_of_several_partitions_come_back_in_order(
    broker, topic_prefix, codec
):
    topic = make_topic(broker, topic_prefix + "log", 3, cleanup_policy="compact")
    logs = {0: range(0, 90, 30), 1: range(0, 30, 30), 2: range(0)}
    async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
        await produce_raw(
            producer,
            topic,
            {
                partition: [batch(pairs(30, at), codec) for at in starts]
                for partition, starts in logs.items()
            },
        )
    for partition, starts in logs.items():
        found, _ = await read_payloads(broker, topic, partition)
        assert [(message.key, message.value) for message in found] == pairs(
            30 * len(starts)
        )


async def test_a_missing_partition_is_an_error(broker, topic_prefix):
    topic = make_topic(broker, topic_prefix + "log")
    async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
        with pytest.raises(UnknownTopicOrPartitionError, match=r"\[7\] do not exist"):
            await produce_raw(producer, topic, {0: [], 7: [batch(pairs(1))]})


async def test_a_topic_deleted_under_the_producer_is_an_error(
    kafka_broker, topic_prefix
):
    topic = make_topic(kafka_broker, topic_prefix + "log")
    async with AIOKafkaProducer(bootstrap_servers=kafka_broker) as producer:
        assert await producer.partitions_for(topic) == {0}
        delete_topic(kafka_broker, topic)
        with pytest.raises(KafkaError):
            await produce_raw(producer, topic, {0: [batch(pairs(1))]}, timeout_s=1)


@pytest.mark.parametrize(
    ("written", "error"),
    [([(b"k", bytes(20_000))], MessageSizeTooLargeError), ([(None, b"v")], KafkaError)],
    ids=["too large", "no key"],
)
async def test_what_a_broker_refuses_is_an_error(
    kafka_broker, topic_prefix, written, error
):
    topic = make_topic(
        kafka_broker,
        topic_prefix + "log",
        max_message_bytes="10000",
        cleanup_policy="compact",
    )
    async with AIOKafkaProducer(bootstrap_servers=kafka_broker) as producer:
        with pytest.raises(error):
            await produce_raw(
                producer, topic, {0: [batch(pairs(1)), batch(written)]}, timeout_s=1
            )
    found, _ = await read_payloads(kafka_broker, topic)
    assert len(found) == 1, "the batch before it is stored"


async def test_a_leader_that_is_not_known_yet_is_waited_for(kafka_broker, topic_prefix):
    topic = make_topic(kafka_broker, topic_prefix + "log")
    async with AIOKafkaProducer(bootstrap_servers=kafka_broker) as producer:
        await producer.partitions_for(topic)
        cluster = producer.client.cluster
        known = cluster.leader_for_partition

        def forgotten_once(_):
            cluster.leader_for_partition = known

        cluster.leader_for_partition = forgotten_once
        await produce_raw(producer, topic, {0: [batch(pairs(3))]})
    found, _ = await read_payloads(kafka_broker, topic)
    assert len(found) == 3


VERSIONS = [
    request
    for request in vars(produce).values()
    if isinstance(request, type) and request.__name__.startswith("ProduceRequest_v")
]


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.__name__)
def test_a_request_is_the_bytes_that_aiokafka_would_send(version):
    request = _JoinedProduceRequest(
        None, -1, 1000, [("topic", [(0, b"first"), (3, b"second")])]
    )
    if version.API_VERSION < 3:
        with pytest.raises(KafkaError, match="expected 3 to 8"):
            request.build(version)
        return
    ours, theirs = request.build(version), super(type(request), request).build(version)
    assert ours.encode() == theirs.encode(), (
        f"aiokafka {aiokafka.__version__} has another layout of Produce "
        f"{version.API_VERSION}: expected the release in constraints.txt"
    )
