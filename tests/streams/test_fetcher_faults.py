"""Raw fetching while brokers die, move, hide behind TLS or send nonsense."""

import asyncio
import shutil
import ssl
import struct
import subprocess
import sys
from contextlib import asynccontextmanager, suppress

import pytest
from structlog.testing import capture_logs

from streams.errors import StateError
from streams.kafka import fetch_leader
from streams.kafka.connection import Connection
from streams.kafka.fetch_buffers import BufferPool
from streams.kafka.fetch_cluster import EARLIEST, Node
from streams.kafka.fetch_leader import Leader, LeaderEvents, Partition
from streams.kafka.fetch_protocol import FetchLimits
from streams.kafka.fetch_repair import Repair
from streams.kafka.fetched import TP
from streams.kafka.fetcher import Fetcher
from tests.conftest import LAUNCHER, OLDEST_JAVA, ROOT, java_version
from tests.streams.raw_records import create_topic, flat, produce, values_of


@pytest.fixture
def own_kafka(tmp_path):
    """A function that starts an Apache Kafka of the test's own, and a launcher."""
    if not LAUNCHER.exists() or java_version() < OLDEST_JAVA:
        pytest.skip("Apache Kafka of its own: ../shared/kafka or Java is missing")

    def launch(*arguments):
        command = [LAUNCHER, arguments[0], tmp_path / "kafka", *arguments[1:]]
        shown = subprocess.run(command, capture_output=True, text=True, check=True)
        return shown.stdout.strip()

    # The owner kills the brokers when these tests end, however they end.
    with subprocess.Popen(
        [sys.executable, ROOT / "tests" / "own_kafka.py", LAUNCHER, tmp_path / "kafka"],
        stdin=subprocess.PIPE,
        start_new_session=True,
    ):
        yield launch


async def fetch_values(fetcher, n, timeout_s=120.0):
    pieces = []
    async with asyncio.timeout(timeout_s):
        while len(flat(values_of(pieces).values())) < n:
            pieces += await fetcher.fetch(0.2)
    return flat(values_of(pieces).values())


@asynccontextmanager
async def fetching(bootstrap):
    """A fetcher of the topic t, from its beginning."""
    fetcher = Fetcher(Connection(bootstrap))
    await fetcher.start()
    try:
        fetcher.assign({TP("t", 0): EARLIEST})
        yield fetcher
    finally:
        await fetcher.stop()


async def test_fetching_goes_on_after_the_broker_was_killed(own_kafka):
    bootstrap = await asyncio.to_thread(own_kafka, "start")
    await create_topic(bootstrap, "t")
    await produce(bootstrap, "t", 0, [[b"before"]])
    async with fetching(bootstrap) as fetcher:
        assert await fetch_values(fetcher, 1) == [b"before"]
        await asyncio.to_thread(own_kafka, "kill")
        assert await fetcher.fetch(1.0) == []
        again = await asyncio.to_thread(own_kafka, "start")
        assert again == bootstrap
        await produce(bootstrap, "t", 0, [[b"after"]])
        assert await fetch_values(fetcher, 1) == [b"after"]


@pytest.mark.slow
async def test_fetching_goes_on_at_the_next_leader(own_kafka):
    bootstrap = await asyncio.to_thread(own_kafka, "start", "--nodes", "3")
    await create_topic(bootstrap, "t", replication=3)
    await produce(bootstrap, "t", 0, [[b"before"]])
    async with fetching(bootstrap) as fetcher:
        assert await fetch_values(fetcher, 1) == [b"before"]
        (leader,) = fetcher._repair.leaders()
        await asyncio.to_thread(own_kafka, "kill", "--node", str(leader.node.id))
        await produce(bootstrap, "t", 0, [[b"after"]])
        assert await fetch_values(fetcher, 1) == [b"after"]
        assert fetcher._repair.leaders()[0].node != leader.node


@pytest.fixture
def certificate(tmp_path):
    """A certificate for 127.0.0.1 and its key, in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("TLS: the openssl command is missing")
    path = tmp_path / "tls.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", path, "-out", tmp_path / "certificate.pem"),
        ],
        check=True,
        capture_output=True,
    )
    path.write_bytes(path.read_bytes() + (tmp_path / "certificate.pem").read_bytes())
    return path


async def pass_on(reader, writer):
    with suppress(OSError):
        while received := await reader.read(65_536):
            writer.write(received)
            await writer.drain()
    await closed(writer)


async def closed(writer):
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def test_a_connection_is_taken_over_under_tls(broker, certificate, topic_prefix):
    await create_topic(broker, f"{topic_prefix}t")
    await produce(broker, f"{topic_prefix}t", 0, [[b"x" * 100_000]] * 3)
    passing = []

    async def to_broker(reader, writer):
        there = await asyncio.open_connection(*broker.split(":"))
        passing.append(asyncio.create_task(pass_on(reader, there[1])))
        passing.append(asyncio.create_task(pass_on(there[0], writer)))

    at_broker = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    at_broker.load_cert_chain(certificate)
    async with await asyncio.start_server(
        to_broker, "127.0.0.1", 0, ssl=at_broker
    ) as server:
        trusting = ssl.create_default_context(cafile=certificate)
        security = {"security_protocol": "SSL", "ssl_context": trusting}
        connection = Connection(f"127.0.0.1:{broker.split(':')[1]}", security)
        port = server.sockets[0].getsockname()[1]
        answers, leader = await leader_at(port, connection)
        leader.send([partition(f"{topic_prefix}t")])
        async with asyncio.timeout(20):
            asked, answer = await answers.get()
        leader.close()
        assert asked.tp == answer.tp
        assert bytes(answer.records).count(b"x" * 100_000) == 3
        await asyncio.wait(passing, timeout=20)


def partition(topic):
    return Partition(TP(topic, 0), 0, 1_000_000)


async def leader_at(port, connection):
    """A leader at this port of loopback, and what it answers or how it ended."""
    answers = asyncio.Queue()

    def on_answers(_, given):
        for each in given:
            answers.put_nowait(each)

    events = LeaderEvents(
        on_answers,
        lambda _, reason: answers.put_nowait(reason),
        lambda: answers.put_nowait("rested"),
    )
    limits = FetchLimits(max_wait_ms=100, max_bytes=2_000_000, read_committed=True)
    leader = Leader(Node(1, "127.0.0.1", port), limits, events)
    await leader.connect(connection, BufferPool(8_000_000))
    return answers, leader


@asynccontextmanager
async def fetch_server(answer_to):
    """A server that knows ApiVersions; what it answers to a Fetch is the test's."""
    versions = struct.pack(">hi", 0, 1) + struct.pack(">hhh", 1, 4, 11)

    is_over = asyncio.Event()

    async def serve(reader, writer):
        correlation_id = await read_request(reader)
        writer.write(struct.pack(">i", 4 + len(versions)) + correlation_id + versions)
        writer.write(answer_to(await read_request(reader)))
        with suppress(OSError):
            await reader.read()
        await closed(writer)
        is_over.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        async with asyncio.timeout(20):
            await is_over.wait()


async def read_request(reader):
    (n_bytes,) = struct.unpack(">i", await reader.readexactly(4))
    return (await reader.readexactly(n_bytes))[4:8]  # its correlation id


async def test_a_hostile_length_is_refused_before_memory_is_taken():
    async with fetch_server(lambda _: struct.pack(">i", 2**31 - 1)) as port:
        answers, leader = await leader_at(port, Connection(""))
        leader.send([partition("t")])
        async with asyncio.timeout(20):
            reason = await answers.get()
    assert isinstance(reason, StateError)
    assert "came 2147483647" in str(reason)


def empty_answer(throttle_ms):
    """A function from the correlation id to an answer without records."""
    empty = struct.pack(">h1si", 1, b"t", 1) + struct.pack(
        ">ihqqqiii", 0, 0, 0, 0, 0, -1, -1, 0
    )

    def answer(correlation_id):
        body = correlation_id + struct.pack(">ihii", throttle_ms, 0, 0, 1) + empty
        return struct.pack(">i", len(body)) + body

    return answer


async def test_nothing_is_sent_for_as_long_as_a_broker_throttles():
    async with fetch_server(empty_answer(100)) as port:
        answers, leader = await leader_at(port, Connection(""))
        leader.send([partition("t")])
        async with asyncio.timeout(20):
            await answers.get()
            assert not leader.is_idle
            assert await answers.get() == "rested"
        assert leader.is_idle
        leader.close()


@pytest.mark.parametrize(("pace_s", "is_idle"), [(3_600.0, False), (0.0, True)])
async def test_a_leader_that_gave_all_it_has_is_asked_again_when_it_is_time(
    pace_s, is_idle, monkeypatch
):
    monkeypatch.setattr(fetch_leader, "PACE_S", pace_s)
    async with fetch_server(empty_answer(0)) as port:
        answers, leader = await leader_at(port, Connection(""))
        leader.send([partition("t")])
        async with asyncio.timeout(20):
            await answers.get()
        leader.pace()
        assert leader.is_idle == is_idle
        leader.close()


async def test_a_broker_that_goes_away_with_many_partitions_is_one_line_of_the_log():
    events = LeaderEvents(lambda *_: None, lambda *_: None, lambda: None)
    limits = FetchLimits(max_wait_ms=100, max_bytes=2_000_000, read_committed=True)
    leader = Leader(Node(1, "127.0.0.1", 9), limits, events)
    repair = Repair(Connection("127.0.0.1:9"), limits, BufferPool(1), events)
    there = {TP("t", i): Partition(TP("t", i), 0, 1, leader) for i in range(40)}
    with capture_logs() as logs:
        repair.look_at(there)
        repair.lost(leader, "gone")
        await asyncio.sleep(0)
        repair.failed(there[TP("t", 3)], "still gone")
        await asyncio.sleep(0)
    said = [(line["reason"], line["n_partitions"], line["tried"]) for line in logs]
    assert said == [("gone", 40, 1), ("still gone", 1, 2)]
