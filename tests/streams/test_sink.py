"""The sink between a real broker and the real engine."""

import threading
import time
from contextlib import contextmanager

import pytest
from kafka import KafkaConsumer, KafkaProducer

from schemas.avro import Codec
from schemas.records import Behavior, ModelRelease
from streams.kafka.connection import Connection
from streams.settings import KafkaSettings
from streams.sink.consumer import Sink, write
from streams.sink.store import Store
from tests.streams.sink_records import IDS, a_click, an_impression

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:kafka")


@pytest.fixture
def send(broker):
    """A function that sends (topic, key, value) and waits for the acks."""
    producer = KafkaProducer(bootstrap_servers=broker, enable_idempotence=False)

    def run(records):
        sent = [producer.send(topic, value, key) for topic, key, value in records]
        producer.flush()
        return [future.get(timeout=10) for future in sent]

    yield run
    producer.close()


@contextmanager
def running(sink):
    """Run a sink in a thread; on leaving, stop it and pass its error on."""
    errors = []

    def run():
        try:
            sink.run()
        except Exception as error:  # noqa: BLE001 - passed on below
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield sink
    finally:
        sink.stop()
        thread.join(30)
    assert not errors, errors
    assert not thread.is_alive()


def until(condition, timeout_s=120.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"still not so after {timeout_s} s"
        time.sleep(0.05)


def behavior(prefix, *events):
    codec = Codec(Behavior, IDS)
    topic = f"{prefix}ads.behavior.v1"
    return [(topic, event.user_id.encode(), codec.encode(event)) for event in events]


@pytest.fixture
def prefix(broker, make_topics):
    return make_topics(broker)


@pytest.fixture
def make_sink(broker, prefix, clickhouse):
    """A function that makes a sink of the test's own topics and group."""

    def make(**changes):
        settings = KafkaSettings(topic_prefix=prefix, session_timeout_s=6.0)
        store = Store(clickhouse)
        return Sink(Connection(broker), settings, IDS, store, flush_s=0.1, **changes)

    return make


@pytest.fixture
def count(clickhouse):
    """A function that counts the rows of a view."""

    def rows(view):
        return clickhouse.query(f"FROM {view} SELECT count()").result_rows[0][0]

    return rows


def test_records_arrive_and_are_committed(make_sink, send, prefix, count):
    people = [an_impression(n, user_id=f"u_{n % 7}") for n in range(200)]
    send(behavior(prefix, *people, *people[:10], a_click(0, of=1)))

    with running(make_sink()) as sink:
        until(lambda: sink.is_ready() and sink.lag() == 0)
        until(lambda: sink.intake.pending.since is None)

    assert (count("impressions"), count("clicks")) == (200, 1)
    n_rows = count("behavior")
    with running(make_sink()) as again:
        until(again.is_ready)
        send(behavior(prefix, an_impression(999)))
        until(lambda: count("impressions") == 201)
    assert count("behavior") == n_rows + 1  # nothing that was committed came again


def test_a_crash_between_rows_and_commit_repeats_nothing(
    make_sink, send, prefix, count, broker, clickhouse
):
    send(behavior(prefix, *[an_impression(n) for n in range(50)]))
    dying = make_sink()
    consumer = KafkaConsumer(
        f"{prefix}ads.behavior.v1",
        bootstrap_servers=broker,
        auto_offset_reset="earliest",
    )
    read = 0
    while read < 50:
        for messages in consumer.poll(timeout_ms=500).values():
            dying.intake.take(messages, time.time_ns() // 1_000_000)
            read += len(messages)
    consumer.close()
    write(dying.intake, Store(clickhouse))  # and it dies here, nothing committed

    send(behavior(prefix, *[an_impression(n) for n in range(50, 60)]))
    with running(make_sink()) as sink:
        until(lambda: count("impressions") == 60)
        until(lambda: sink.intake.pending.since is None)

    assert count("impressions") == 60


def test_each_bad_record_has_one_dead_letter(make_sink, send, prefix, count):
    release = f"{prefix}ads.model-release.v1"
    junk = [(release, b"m", b"junk"), (f"{prefix}ads.behavior.v1", b"u", b"junk")]
    send([*junk, *behavior(prefix, an_impression())])

    with running(make_sink()) as sink:
        until(lambda: count("dead_letter FINAL") == 1)
        until(lambda: count("impressions") == 1)
        until(lambda: sink.intake.pending.since is None)
        skipped = dict(sink.intake.skipped)

    # The behaviour stages report the other one; here nobody runs them.
    assert skipped == {release: 1, f"{prefix}ads.behavior.v1": 1}
    assert count("dead_letters_by_topic") == 1


def test_what_stages_report_can_be_told(make_sink, send, prefix, count):
    release = f"{prefix}ads.model-release.v1"
    send([(release, b"m", b"junk"), *behavior(prefix, an_impression())])

    with running(make_sink(reported_by_stages=frozenset({ModelRelease}))) as sink:
        until(lambda: sink.intake.skipped[release] == 1)
        until(lambda: count("impressions") == 1)
        until(lambda: sink.intake.pending.since is None)

    assert count("dead_letter") == 0
