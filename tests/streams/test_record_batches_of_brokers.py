"""Record batches as real producers write them and real brokers store them."""

from contextlib import closing

import pytest
from aiokafka import AIOKafkaProducer
from kafka import KafkaProducer

from streams.kafka.batch_header import CODEC_MASK, HEADER, LENGTH_END, BatchHeader
from streams.kafka.compression import CODECS
from streams.kafka.messages import AppendTimePayload
from streams.kafka.record_batches import parse
from tests.streams.raw_fetch import make_topic, read_payloads

NOW = 1_700_000_000_000
PAIRS = [
    (b"k%d" % (index % 7) if index % 5 else None, b"value %d " % index * (index % 9))
    for index in range(400)
]
HEADERS = [("trace", b"7"), ("empty", b"")]


def pairs_of(found):
    return [(message.key, message.value) for message in found]


def codecs_of(fetches):
    """The codecs of the stored batches."""
    found = set()
    for fetched in fetches:
        data = fetched.data
        while len(data) >= HEADER.size:
            header = BatchHeader._make(HEADER.unpack_from(data))
            found.add(header.attributes & CODEC_MASK)
            data = data[LENGTH_END + header.length :]
    return found


@pytest.mark.parametrize("codec", [None, *CODECS])
async def test_what_aiokafka_produces_is_read(broker, topic_prefix, codec):
    topic = make_topic(broker, topic_prefix + "a")
    async with AIOKafkaProducer(
        bootstrap_servers=broker, compression_type=codec, max_batch_size=2000
    ) as producer:
        sent = [
            await producer.send(
                topic, value, key, 0, timestamp_ms=NOW + at, headers=HEADERS
            )
            for at, (key, value) in enumerate(PAIRS)
        ]
        offsets = [(await one).offset for one in sent]
    found, fetches = await read_payloads(broker, topic)
    assert pairs_of(found) == PAIRS
    assert [message.offset for message in found] == offsets
    assert [message.timestamp for message in found] == [
        NOW + at for at in range(len(PAIRS))
    ]
    assert {tuple(message.headers) for message in found} == {tuple(HEADERS)}
    assert codecs_of(fetches) == {CODECS.get(codec, 0)}


@pytest.mark.parametrize("codec", [None, "gzip", "lz4"])
async def test_what_kafka_python_produces_is_read(broker, topic_prefix, codec):
    topic = make_topic(broker, topic_prefix + "a")
    with closing(
        KafkaProducer(bootstrap_servers=broker, compression_type=codec, linger_ms=50)
    ) as producer:
        for key, value in PAIRS:
            producer.send(topic, value, key=key, partition=0)
        producer.flush()
    found, fetches = await read_payloads(broker, topic)
    assert pairs_of(found) == PAIRS
    # It leaves a batch as it is that compression would make longer.
    assert codecs_of(fetches) - {0} == ({CODECS[codec]} if codec else set())


async def test_fetches_that_cut_batches_off_miss_and_repeat_nothing(
    broker, topic_prefix
):
    topic = make_topic(broker, topic_prefix + "a")
    async with AIOKafkaProducer(
        bootstrap_servers=broker, max_batch_size=1500
    ) as producer:
        for key, value in PAIRS:
            await producer.send(topic, value, key, 0)
        await producer.flush()
    found, fetches = await read_payloads(broker, topic, max_bytes=4000)
    assert pairs_of(found) == PAIRS
    assert len(fetches) > 1


@pytest.mark.parametrize("codec", [None, "lz4"])
async def test_aborted_transactions_are_left_out(kafka_broker, topic_prefix, codec):
    topic = make_topic(kafka_broker, topic_prefix + "a")
    expected = []
    async with (
        AIOKafkaProducer(bootstrap_servers=kafka_broker) as plain,
        AIOKafkaProducer(
            bootstrap_servers=kafka_broker,
            transactional_id=topic_prefix + "one",
            compression_type=codec,
        ) as one,
        AIOKafkaProducer(
            bootstrap_servers=kafka_broker, transactional_id=topic_prefix + "two"
        ) as two,
    ):

        async def send(producer, value, is_kept):
            sent = await producer.send_and_wait(topic, value, b"k", 0)
            if is_kept:
                expected.append((sent.offset, value))

        await one.begin_transaction()
        await send(one, b"committed", is_kept=True)
        await one.commit_transaction()
        await one.begin_transaction()
        await two.begin_transaction()
        await send(one, b"aborted", is_kept=False)
        await send(two, b"of the other", is_kept=True)
        await send(plain, b"outside", is_kept=True)
        await send(one, b"aborted as well", is_kept=False)
        await one.abort_transaction()
        await two.commit_transaction()
        await one.begin_transaction()
        await send(one, b"committed after an abort", is_kept=True)
        await one.commit_transaction()
        await two.begin_transaction()
        await send(two, b"aborted last", is_kept=False)
        await two.abort_transaction()
    found, fetches = await read_payloads(kafka_broker, topic)
    assert [(message.offset, message.value) for message in found] == expected
    assert any(fetched.aborted for fetched in fetches)


async def test_apache_kafkas_append_time_is_the_time_of_every_record(
    kafka_broker, topic_prefix
):
    topic = make_topic(
        kafka_broker,
        topic_prefix + "a",
        message_timestamp_type="LogAppendTime",
    )
    async with AIOKafkaProducer(
        bootstrap_servers=kafka_broker, linger_ms=50
    ) as producer:
        sent = [
            await producer.send(topic, b"v", b"k", 0, timestamp_ms=NOW + at)
            for at in range(3)
        ]
        stamps = [(await one).timestamp for one in sent]
    found, fetches = await read_payloads(kafka_broker, topic)
    assert [message.timestamp for message in found] == stamps
    assert min(stamps) > NOW + 3
    assert isinstance(parse(fetches[0]).payloads[0], AppendTimePayload)
