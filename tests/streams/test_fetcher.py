"""Raw fetching from real brokers: everything comes, in order and once."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.conn import create_conn
from structlog.testing import capture_logs

from streams.errors import UnavailableError
from streams.kafka import fetch_leader
from streams.kafka.connection import Connection
from streams.kafka.fetch_cluster import EARLIEST
from streams.kafka.fetched import TP
from streams.kafka.fetcher import Fetcher
from tests.streams.raw_records import create_topic, flat, numbers, produce, values_of


@pytest.fixture
def make_topic(topic_prefix):
    """A function that makes a topic and returns its name."""

    async def make(bootstrap, n_partitions, name="t"):
        await create_topic(bootstrap, topic_prefix + name, n_partitions)
        return topic_prefix + name

    return make


@pytest.fixture
async def start_fetcher():
    """A function that starts a fetcher; all are stopped at the end."""
    started = []

    async def start(bootstrap, **options):
        connection = Connection(bootstrap)
        fetcher = Fetcher(connection, **{"max_wait_ms": 100, **options})
        await fetcher.start()
        started.append(fetcher)
        return fetcher

    yield start
    for fetcher in started:
        await fetcher.stop()


async def fetch_until(fetcher, is_done, timeout_s=120.0):
    """Keep every piece until the condition holds: their memory is not used again."""
    pieces = []
    async with asyncio.timeout(timeout_s):
        while not is_done():
            pieces += await fetcher.fetch(0.2)
    return pieces


async def fetch_to(fetcher, ends, **options):
    return await fetch_until(
        fetcher,
        lambda: all(fetcher.position(tp) >= end for tp, end in ends.items()),
        **options,
    )


async def test_everything_comes_back_in_order_and_once(
    broker, make_topic, start_fetcher
):
    topic = await make_topic(broker, 3)
    for partition in range(3):
        await produce(broker, topic, partition, numbers(20, 100, n_bytes=100))
    fetcher = await start_fetcher(broker, max_bytes=100_000, max_partition_bytes=25_000)
    ends = {TP(topic, partition): 2_000 for partition in range(3)}
    fetcher.assign(dict.fromkeys(ends, EARLIEST))
    pieces = await fetch_to(fetcher, ends)
    expected = flat(numbers(20, 100, n_bytes=100))
    assert values_of(pieces) == dict.fromkeys(ends, expected)
    assert {piece.high_watermark for piece in pieces} == {2_000}
    assert {tp: fetcher.position(tp) for tp in fetcher.assignment()} == ends


async def test_a_position_within_a_batch_is_kept(broker, make_topic, start_fetcher):
    topic = await make_topic(broker, 1)
    await produce(broker, topic, 0, numbers(2, 10))
    fetcher = await start_fetcher(broker)
    fetcher.assign({TP(topic, 0): 7})
    pieces = await fetch_to(fetcher, {TP(topic, 0): 20})
    assert pieces[0].position == 7
    assert values_of(pieces) == {TP(topic, 0): flat(numbers(2, 10))[7:]}


async def test_batches_above_the_share_of_a_partition_arrive_whole(
    broker, make_topic, start_fetcher
):
    topic = await make_topic(broker, 2)
    groups = [*numbers(3, 5), *numbers(3, 600, n_bytes=1_000), *numbers(3, 5)]
    for partition in range(2):
        await produce(broker, topic, partition, groups)
    fetcher = await start_fetcher(broker, max_bytes=5_000, max_partition_bytes=1_000)
    ends = {TP(topic, partition): len(flat(groups)) for partition in range(2)}
    fetcher.assign(dict.fromkeys(ends, 0))
    pieces = await fetch_to(fetcher, ends)
    assert values_of(pieces) == dict.fromkeys(ends, flat(groups))


async def test_every_partition_has_its_turn_when_responses_are_full(
    broker, make_topic, start_fetcher
):
    n_partitions = 24
    topic = await make_topic(broker, n_partitions)
    for partition in range(n_partitions):
        await produce(broker, topic, partition, numbers(6, 10, n_bytes=500))
    fetcher = await start_fetcher(broker, max_bytes=6_000, max_partition_bytes=6_000)
    ends = {TP(topic, partition): 60 for partition in range(n_partitions)}
    fetcher.assign(dict.fromkeys(ends, 0))
    pieces = await fetch_to(fetcher, ends)
    assert values_of(pieces) == dict.fromkeys(ends, flat(numbers(6, 10, n_bytes=500)))
    assert {piece.tp for piece in pieces[:n_partitions]} == set(ends)


async def test_a_fetcher_that_is_behind_does_not_pause(
    broker, make_topic, start_fetcher, monkeypatch
):
    topic = await make_topic(broker, 3)
    for partition in range(3):
        await produce(broker, topic, partition, numbers(10, 10, n_bytes=500))
    fetcher = await start_fetcher(broker, max_bytes=6_000, max_partition_bytes=6_000)
    ends = {TP(topic, partition): 100 for partition in range(3)}
    monkeypatch.setattr(fetch_leader, "PACE_S", 3_600.0)
    fetcher.assign(dict.fromkeys(ends, 0))
    await fetch_to(fetcher, ends)


@pytest.mark.parametrize("pause_s", [0, 0.1])
async def test_a_seek_voids_what_is_under_way(
    broker, make_topic, start_fetcher, pause_s
):
    tp = TP(await make_topic(broker, 1), 0)
    await produce(broker, tp.topic, 0, numbers(10, 100, n_bytes=100))
    fetcher = await start_fetcher(broker, max_partition_bytes=15_000)
    fetcher.assign({tp: 0})
    await fetch_until(fetcher, lambda: fetcher.position(tp) > 0)
    await asyncio.sleep(pause_s)  # the next answer is under way, or has arrived
    fetcher.seek(tp, 30)
    assert fetcher.position(tp) == 30
    pieces = await fetch_to(fetcher, {tp: 1_000})
    assert values_of(pieces)[tp] == flat(numbers(10, 100, n_bytes=100))[30:]


async def test_an_assignment_replaces_what_is_fetched(
    broker, make_topic, start_fetcher
):
    topic = await make_topic(broker, 2)
    await produce(broker, topic, 0, numbers(10, 100, n_bytes=100))
    await produce(broker, topic, 1, numbers(1, 5))
    fetcher = await start_fetcher(broker, max_partition_bytes=15_000)
    fetcher.assign({TP(topic, 0): 0})
    await fetch_until(fetcher, lambda: fetcher.position(TP(topic, 0)) > 0)
    fetcher.assign({TP(topic, 1): EARLIEST})
    pieces = await fetch_to(fetcher, {TP(topic, 1): 5})
    assert values_of(pieces) == {TP(topic, 1): flat(numbers(1, 5))}
    assert fetcher.assignment() == {TP(topic, 1)}


async def test_a_partition_assigned_while_a_fetch_waits_is_fetched(
    broker, make_topic, start_fetcher
):
    topic = await make_topic(broker, 2)
    await produce(broker, topic, 1, numbers(1, 5))
    fetcher = await start_fetcher(broker)
    fetcher.assign({TP(topic, 0): 0})
    waiting = asyncio.create_task(fetcher.fetch(20))
    await asyncio.sleep(0.05)
    fetcher.assign({TP(topic, 0): 0, TP(topic, 1): 0})
    assert values_of(await waiting) == {TP(topic, 1): flat(numbers(1, 5))}


async def test_the_end_of_an_empty_partition_becomes_known(
    broker, make_topic, start_fetcher
):
    tp = TP(await make_topic(broker, 1), 0)
    fetcher = await start_fetcher(broker)
    fetcher.assign({tp: EARLIEST})
    assert fetcher.high_watermark(tp) is None
    assert await fetch_until(fetcher, lambda: fetcher.high_watermark(tp) == 0) == []
    assert fetcher.position(tp) == 0


async def test_an_offset_out_of_range_is_told_and_the_earliest_taken(
    kafka_broker, make_topic, start_fetcher
):
    tp = TP(await make_topic(kafka_broker, 1), 0)
    await produce(kafka_broker, tp.topic, 0, numbers(1, 5))
    fetcher = await start_fetcher(kafka_broker)
    fetcher.assign({tp: 1_000})
    with capture_logs() as logs:
        pieces = await fetch_until(fetcher, lambda: fetcher.position(tp) == 5)
    assert values_of(pieces) == {tp: flat(numbers(1, 5))}
    (told,) = [log for log in logs if "out of range" in log["event"]]
    assert (told["expected"], told["earliest"]) == (1_000, 0)


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_compressed_batches_pass_untouched(
    broker, make_topic, start_fetcher, codec
):
    tp = TP(await make_topic(broker, 1), 0)
    groups = numbers(3, 500, n_bytes=200)
    await produce(broker, tp.topic, 0, groups, compression_type=codec)
    fetcher = await start_fetcher(broker)
    fetcher.assign({tp: 0})
    pieces = await fetch_to(fetcher, {tp: 1_500})
    assert values_of(pieces) == {tp: flat(groups)}
    assert sum(len(piece.data) for piece in pieces) < 1_500 * 200 / 2


async def test_aborted_transactions_are_named(kafka_broker, make_topic, start_fetcher):
    tp = TP(await make_topic(kafka_broker, 1), 0)
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka_broker, transactional_id=tp.topic
    )
    await producer.start()
    for value, is_kept in [(b"a", True), (b"b", False), (b"c", True)]:
        await producer.begin_transaction()
        await producer.send_and_wait(tp.topic, value=value, partition=0)
        await (
            producer.commit_transaction() if is_kept else producer.abort_transaction()
        )
    await producer.begin_transaction()
    await producer.send_and_wait(tp.topic, value=b"open", partition=0)
    fetcher = await start_fetcher(kafka_broker)
    fetcher.assign({tp: 0})
    pieces = await fetch_to(fetcher, {tp: 6})  # each value and the mark of its end
    await producer.abort_transaction()
    await producer.stop()
    assert values_of(pieces) == {tp: [b"a", b"b", b"c"]}
    assert [offset for piece in pieces for _, offset in piece.aborted] == [2]


async def test_a_topic_that_is_made_later_is_fetched(
    kafka_broker, topic_prefix, make_topic, start_fetcher
):
    tp = TP(f"{topic_prefix}late", 0)
    fetcher = await start_fetcher(kafka_broker)
    fetcher.assign({tp: EARLIEST})
    assert await fetcher.fetch(0.3) == []
    await make_topic(kafka_broker, 1, "late")
    await produce(kafka_broker, tp.topic, 0, numbers(1, 5))
    pieces = await fetch_to(fetcher, {tp: 5})
    assert values_of(pieces) == {tp: flat(numbers(1, 5))}


async def test_no_broker_at_the_start_is_a_clear_error():
    fetcher = Fetcher(Connection("127.0.0.1:1"))
    with pytest.raises(UnavailableError, match="KAFKA_BOOTSTRAP_SERVERS"):
        await fetcher.start()


async def test_aiokafka_has_the_private_names_that_a_takeover_needs(broker):
    host, port = broker.split(":")
    connection = await create_conn(host, int(port))
    for name in ("_protocol", "_writer", "_read_task", "_versions"):
        assert hasattr(connection, name), (
            f"aiokafka has renamed AIOKafkaConnection.{name}: adapt "
            "streams/kafka/fetch_frames.py, or pin the release in constraints.txt"
        )
    await connection.close()
