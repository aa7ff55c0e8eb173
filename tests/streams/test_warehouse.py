"""The process that owns ClickHouse, started as users start it, killed as they fear."""

import os
import signal
import subprocess
import sys
import time

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError
from kafka import KafkaProducer

from schemas.avro import Codec
from schemas.records import Behavior
from streams.errors import UnavailableError
from streams.local.ports import free_port
from streams.settings import Settings
from streams.sink.warehouse import clickhouse_folder, run
from tests.streams.sink_records import IDS, an_impression


@pytest.fixture
def environment(local_broker, make_topics, tmp_path):
    return {
        "PATH": os.environ["PATH"],
        "KAFKA_BOOTSTRAP_SERVERS": local_broker,
        "ADLOOM_KAFKA__TOPIC_PREFIX": make_topics(local_broker),
        "ADLOOM_KAFKA__SESSION_TIMEOUT_S": "6",
        "ADLOOM_LOCAL__FOLDER": str(tmp_path / "var"),
        "ADLOOM_LOCAL__CLICKHOUSE_PORT": str(free_port("127.0.0.1", 0)),
    }


@pytest.fixture
def start(environment, tmp_path):
    """A function that starts the process; what it said is in its log."""
    started = []

    def begin():
        with (tmp_path / "log").open("ab") as log:
            command = [sys.executable, "-m", "streams", "sink"]
            started.append(
                subprocess.Popen(command, env=environment, stdout=log, stderr=log)
            )
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def send(environment):
    """A function that produces impressions."""
    codec = Codec(Behavior, IDS)
    topic = environment["ADLOOM_KAFKA__TOPIC_PREFIX"] + "ads.behavior.v1"
    producer = KafkaProducer(
        bootstrap_servers=environment["KAFKA_BOOTSTRAP_SERVERS"],
        enable_idempotence=False,
    )

    def run(first, last):
        for number in range(first, last):
            event = an_impression(number, user_id=f"u_{number % 9}")
            producer.send(topic, codec.encode(event), event.user_id.encode())
        producer.flush()

    yield run
    producer.close()


@pytest.fixture
def ask(environment):
    """A function that asks over HTTP; None while nobody answers."""
    url = f"http://127.0.0.1:{environment['ADLOOM_LOCAL__CLICKHOUSE_PORT']}"

    def value(sql):
        try:
            client = clickhouse_connect.get_client(
                dsn=url, dedicated_pool=True, query_retries=0
            )
        except (ClickHouseError, OSError):
            return None
        try:
            return client.query(sql).result_rows[0][0]
        except (ClickHouseError, OSError):
            return None
        finally:
            client.close()

    return value


def until(condition, timeout_s=120.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"still not so after {timeout_s} s"
        time.sleep(0.1)


def test_rows_are_there_once_after_a_kill_and_a_stop(start, send, ask):
    send(0, 500)
    first = start()
    until(lambda: (ask("SELECT count() FROM impressions") or 0) > 0)
    send(500, 600)
    first.send_signal(signal.SIGKILL)
    first.wait()

    second = start()
    until(lambda: ask("SELECT count() FROM impressions") == 600)
    second.send_signal(signal.SIGTERM)

    assert second.wait(timeout=30) == 0


def test_a_missing_broker_is_named(tmp_path):
    settings = Settings(
        KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:9", local={"folder": tmp_path}
    )

    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:9"):
        run(settings, IDS)

    assert not clickhouse_folder(settings).exists()
