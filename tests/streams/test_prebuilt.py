import asyncio
import inspect
from types import SimpleNamespace

import aiokafka
import faust
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    UnknownTopicOrPartitionError,
)
from aiokafka.producer import message_accumulator
from aiokafka.producer.sender import Sender
from aiokafka.record.default_records import DefaultRecordBatch
from hypothesis import given, strategies as st

from streams.columns.batches import records_section
from streams.errors import ConfigurationError, StateError
from streams.kafka.batch_header import seal, with_producer
from streams.kafka.compression import CODECS
from streams.kafka.prebuilt import (
    PrebuiltBatch,
    aiokafka_producer,
    send_in_waves,
    send_prebuilt,
)
from tests.streams.raw_fetch import delete_topic, make_topic, read_payloads

NOW = 1_700_000_000_000
RELEASE = f"aiokafka {aiokafka.__version__}: expected the release in constraints.txt"


def pairs(n, start=0):
    return [(b"user%d" % at, b"state %d" % at) for at in range(start, start + n)]


async def consume(bootstrap, topic, n):
    """What an ordinary consumer of the topic gets: its first n records."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        async with asyncio.timeout(20):
            return [await consumer.getone() for _ in range(n)]
    finally:
        await consumer.stop()


# -- sent and read back ----------------------------------------------------------------


@pytest.mark.parametrize("codec", [None, *CODECS])
async def test_a_prebuilt_batch_comes_back_equal(broker, topic_prefix, codec):
    topic = make_topic(broker, topic_prefix + "log", cleanup_policy="compact")
    async with AIOKafkaProducer(bootstrap_servers=broker, acks="all") as producer:
        sent = await send_prebuilt(
            producer,
            topic,
            0,
            records_section(pairs(500)),
            500,
            timestamp_ms=NOW,
            compression=codec,
        )
        first = await sent
    found = await consume(broker, topic, 500)
    assert [(record.key, record.value) for record in found] == pairs(500)
    assert {record.timestamp for record in found} == {NOW}
    assert [record.offset for record in found] == list(
        range(first.offset, first.offset + 500)
    )


async def test_batches_in_flight_keep_their_order_among_single_records(
    broker, topic_prefix
):
    topic = make_topic(broker, topic_prefix + "log", partitions=2)
    expected = {0: [], 1: []}
    async with AIOKafkaProducer(bootstrap_servers=broker, acks="all") as producer:
        waiting = []
        for at in range(0, 200, 10):
            for partition, log in expected.items():
                section = records_section(pairs(10, at))
                waiting.append(
                    await send_prebuilt(producer, topic, partition, section, 10)
                )
                waiting.append(await producer.send(topic, b"single", b"k", partition))
                log += [*pairs(10, at), (b"k", b"single")]
        await asyncio.gather(*waiting)
    for partition, log in expected.items():
        found, _ = await read_payloads(broker, topic, partition)
        assert [(message.key, message.value) for message in found] == log


async def test_waves_store_every_section_of_every_partition_in_order(
    broker, topic_prefix
):
    topic = make_topic(broker, topic_prefix + "log", partitions=3)
    starts = {0: range(0, 90, 30), 1: range(0), 2: range(0, 30, 30)}
    sections = {
        partition: [(records_section(pairs(30, at)), 30) for at in of_partition]
        for partition, of_partition in starts.items()
    }
    async with AIOKafkaProducer(bootstrap_servers=broker, acks="all") as producer:
        n_stored = await send_in_waves(producer, topic, sections, compression="lz4")
    assert n_stored == 4
    for partition, of_partition in starts.items():
        found, _ = await read_payloads(broker, topic, partition)
        stored = [(message.key, message.value) for message in found]
        assert stored == pairs(30 * len(of_partition))


async def test_a_wave_ends_at_a_refused_batch_and_leaves_no_later_one(
    kafka_broker, topic_prefix
):
    topic = make_topic(kafka_broker, topic_prefix + "log", max_message_bytes="10000")
    small, large = records_section(pairs(1)), records_section([(b"k", bytes(20_000))])
    async with AIOKafkaProducer(bootstrap_servers=kafka_broker, acks="all") as producer:
        with pytest.raises(MessageSizeTooLargeError):
            await send_in_waves(
                producer, topic, {0: [(small, 1), (large, 1), (small, 1)]}
            )
    found, _ = await read_payloads(kafka_broker, topic)
    assert len(found) == 1


async def test_an_idempotent_producer_numbers_prebuilt_batches(
    kafka_broker, topic_prefix
):
    topic = make_topic(kafka_broker, topic_prefix + "log")
    async with AIOKafkaProducer(
        bootstrap_servers=kafka_broker, enable_idempotence=True
    ) as producer:
        waiting = []
        for at in range(0, 50, 10):
            section = records_section(pairs(10, at))
            waiting.append(await send_prebuilt(producer, topic, 0, section, 10))
            waiting.append(await producer.send(topic, b"single", b"k", 0))
        await asyncio.gather(*waiting)
    found, fetches = await read_payloads(kafka_broker, topic)
    assert len(found) == 55
    stored = DefaultRecordBatch(bytes(fetches[0].data))
    assert stored.producer_id >= 0
    assert stored.base_sequence == 0


async def test_fausts_producer_sends_prebuilt_batches(broker, topic_prefix):
    topic = make_topic(broker, topic_prefix + "log")
    app = faust.App(topic_prefix + "app", broker=f"kafka://{broker}")
    async with app.producer:
        producer = aiokafka_producer(app.producer)
        sent = await send_prebuilt(producer, topic, 0, records_section(pairs(9)), 9)
        assert (await sent).offset == 0
    found, _ = await read_payloads(broker, topic)
    assert [(message.key, message.value) for message in found] == pairs(9)


# -- acks are real ---------------------------------------------------------------------


async def test_a_missing_partition_is_an_error(broker, topic_prefix):
    topic = make_topic(broker, topic_prefix + "log")
    async with AIOKafkaProducer(bootstrap_servers=broker, acks="all") as producer:
        with pytest.raises(UnknownTopicOrPartitionError, match="log-7 does not exist"):
            await send_prebuilt(producer, topic, 7, records_section(pairs(1)), 1)


async def test_a_missing_topic_is_an_error(kafka_broker, topic_prefix):
    # The local broker makes a topic that it is asked about.
    async with AIOKafkaProducer(
        bootstrap_servers=kafka_broker, acks="all", request_timeout_ms=1000
    ) as producer:
        with pytest.raises(UnknownTopicOrPartitionError):
            await send_prebuilt(
                producer, topic_prefix + "none", 0, records_section(pairs(1)), 1
            )


async def test_a_topic_deleted_under_the_producer_is_an_error(
    kafka_broker, topic_prefix
):
    topic = make_topic(kafka_broker, topic_prefix + "log")
    async with AIOKafkaProducer(
        bootstrap_servers=kafka_broker, acks="all", request_timeout_ms=2000
    ) as producer:
        assert await producer.partitions_for(topic) == {0}
        delete_topic(kafka_broker, topic)
        with pytest.raises(KafkaError):
            await (
                await send_prebuilt(producer, topic, 0, records_section(pairs(1)), 1)
            )


async def test_a_batch_that_is_too_large_is_an_error(kafka_broker, topic_prefix):
    topic = make_topic(kafka_broker, topic_prefix + "log", max_message_bytes="10000")
    async with AIOKafkaProducer(bootstrap_servers=kafka_broker, acks="all") as producer:
        large = records_section([(b"k", bytes(20_000))])
        sent = await send_prebuilt(producer, topic, 0, large, 1)
        with pytest.raises(MessageSizeTooLargeError):
            await sent


async def test_a_compacted_topic_refuses_a_record_without_a_key(
    kafka_broker, topic_prefix
):
    topic = make_topic(kafka_broker, topic_prefix + "log", cleanup_policy="compact")
    async with AIOKafkaProducer(bootstrap_servers=kafka_broker, acks="all") as producer:
        sent = await send_prebuilt(
            producer, topic, 0, records_section([(None, b"v")]), 1
        )
        with pytest.raises(KafkaError):
            await sent


@pytest.mark.parametrize("acks", [0, 1])
async def test_a_producer_that_does_not_wait_for_all_replicas_is_refused(
    broker, topic_prefix, acks
):
    topic = make_topic(broker, topic_prefix + "log")
    async with AIOKafkaProducer(bootstrap_servers=broker, acks=acks) as producer:
        with pytest.raises(ConfigurationError, match=f"acks={acks}"):
            await send_prebuilt(producer, topic, 0, records_section(pairs(1)), 1)


# -- sequence numbers and the names of aiokafka and Faust ------------------------------


@given(
    st.integers(0, 2**63 - 1),
    st.integers(0, 2**15 - 1),
    st.integers(0, 2**31 - 1),
    st.sampled_from([None, *CODECS]),
)
def test_a_sealed_batch_can_become_an_idempotent_producers(pid, epoch, sequence, codec):
    section = records_section(pairs(3))
    batch = seal(section, 3, base_timestamp=NOW, compression=codec)
    theirs = DefaultRecordBatch(with_producer(batch, pid, epoch, sequence))
    assert theirs.validate_crc()
    assert (theirs.producer_id, theirs.producer_epoch) == (pid, epoch)
    assert theirs.base_sequence == sequence
    assert [(record.key, record.value) for record in theirs] == pairs(3)


def test_aiokafka_asks_of_a_batch_what_the_prebuilt_one_answers():
    builder = message_accumulator.BatchBuilder(100, 0)
    asked = {
        name
        for name, _ in inspect.getmembers(builder, callable)
        if not name.startswith("__") and name != "_serialize"
    }
    missing = asked - set(dir(PrebuiltBatch(b"", 1)))
    assert not missing, f"{RELEASE}; its BatchBuilder has {missing}"
    for name in asked:
        theirs = inspect.signature(getattr(builder, name)).parameters
        ours = inspect.signature(getattr(PrebuiltBatch, name)).parameters
        is_equal = list(theirs) == list(ours)[1:] or name == "append"
        assert is_equal, f"{RELEASE}; BatchBuilder.{name} takes {list(theirs)}"


def test_aiokafkas_sender_has_the_acks():
    names = Sender(
        None,
        acks=-1,
        txn_manager=None,
        message_accumulator=None,
        retry_backoff_ms=1,
        request_timeout_ms=1,
    )
    assert getattr(names, "_acks", None) == -1, f"{RELEASE}; Sender._acks is gone"
    source = inspect.getsource(AIOKafkaProducer)
    assert "self._sender = " in source, f"{RELEASE}; AIOKafkaProducer._sender is gone"


def test_another_faust_is_an_error_that_names_it():
    with pytest.raises(StateError, match="Faust has renamed _ensure_producer"):
        aiokafka_producer(SimpleNamespace())
