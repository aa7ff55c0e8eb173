"""The examples of docs/examples run, on both brokers."""

import re
import shutil
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Behavior, Copy, Creative
from streams.kafka.connection import Connection
from streams.kafka.dead_letters import dead_letter
from streams.kafka.topic_admin import create_topics
from streams.settings import KafkaSettings
from tests.good_records import good

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "examples"
JARS = ROOT.parent / "shared" / "kafka"
USER = "u_abcdefghijklmnopqrstuvwxyz"
MURMUR2_OF_USER_MOD_3 = 2

needs_jdk = pytest.mark.skipif(
    shutil.which("javac") is None or not (JARS / "clients").exists(),
    reason="Java examples: needs a JDK, and the jars of kafka-clients and avro",
)
needs_kcat = pytest.mark.skipif(
    shutil.which("kcat") is None, reason="kcat examples: kcat is not installed"
)

CREATIVE = good(
    Creative,
    user_id=USER,
    copy=Copy(headline="Go far", body="b", cta="Go", spoken="s", disclosure="Ad, AI"),
)


@pytest.fixture
def topics(broker, topic_prefix):
    create_topics(
        Connection(broker), KafkaSettings(topic_prefix=topic_prefix, partitions=3)
    )
    return topic_prefix


def messages(bootstrap, topic, n=1):
    """The first n messages of a topic."""
    with closing(
        KafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    ) as consumer:
        deadline = time.monotonic() + 20
        found = []
        while len(found) < n and time.monotonic() < deadline:
            for records in consumer.poll(200).values():
                found += records
        return found


def send(bootstrap, topic, *pairs, headers=()):
    with closing(KafkaProducer(bootstrap_servers=bootstrap)) as producer:
        for key, value in pairs:
            producer.send(topic, key=key, value=value, headers=list(headers))
        producer.flush()


@contextmanager
def lines_of(*command):
    """The lines that a command which does not end by itself prints."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as running:
        assert running.stdout is not None
        yield running.stdout
        running.kill()


def run(*command, **options):
    subprocess.run(command, check=True, cwd=ROOT, timeout=60, **options)


def python(name, *arguments):
    return (sys.executable, str(EXAMPLES / name), *arguments)


def java(name, *arguments):
    jars = f"{JARS / 'libs'}/*:{JARS / 'clients'}/*"
    return ("java", "-cp", jars, str(EXAMPLES / name), *arguments)


def assert_is_a_click(message):
    click = Codec(Behavior, LockedIds()).decode(message.value)
    assert (message.key.decode(), click.user_id, click.kind) == (USER, USER, "click")
    assert message.partition == MURMUR2_OF_USER_MOD_3


def test_python_produces_a_click(broker, topics):
    topic = topics + "ads.behavior.v1"
    run(*python("produce.py", broker, topic), env=environment())
    assert_is_a_click(messages(broker, topic)[0])


def test_python_consumes_creatives(broker, topics):
    topic = topics + "ads.creative.v1"
    value = Codec(Creative, LockedIds()).encode(CREATIVE)
    send(broker, topic, (b"u|feed-card", value), (b"u|feed-card", None))
    with subprocess.Popen(
        python("consume.py", broker, topic),
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment(),
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == f"{USER} feed-card Go far\n"
        assert running.stdout.readline() == "u|feed-card withdrawn\n"
        running.kill()


@needs_jdk
def test_java_produces_a_click(kafka_broker, topic_prefix):
    create_topics(
        Connection(kafka_broker), KafkaSettings(topic_prefix=topic_prefix, partitions=3)
    )
    topic = topic_prefix + "ads.behavior.v1"
    run(*java("Produce.java", kafka_broker, topic, "schemas"))
    assert_is_a_click(messages(kafka_broker, topic)[0])


@needs_jdk
def test_java_consumes_creatives(kafka_broker, topic_prefix):
    create_topics(Connection(kafka_broker), KafkaSettings(topic_prefix=topic_prefix))
    topic = topic_prefix + "ads.creative.v1"
    value = Codec(Creative, LockedIds()).encode(CREATIVE)
    send(kafka_broker, topic, (b"u|feed-card", value), (b"u|feed-card", None))
    with lines_of(*java("Consume.java", kafka_broker, topic, "schemas")) as lines:
        assert next(lines) == f"{USER} feed-card Go far\n"
        assert next(lines) == "u|feed-card withdrawn\n"


def test_java_writes_the_newest_id_of_the_lock_file():
    source = (EXAMPLES / "Produce.java").read_text("utf-8")
    found = re.search(r"SCHEMA_ID = (\d+);", source)
    assert found is not None
    assert int(found[1]) == LockedIds().id_of(Behavior)


def kcat_command(number):
    """The nth block of shell in the page about the examples."""
    page = (EXAMPLES / "README.md").read_text("utf-8")
    return re.findall(r"```sh\n(.*?)```", page, re.DOTALL)[number]


def shell(text, bootstrap, prefix, folder):
    text = text.replace("127.0.0.1:9092", bootstrap).replace("-t ", f"-t {prefix}")
    text = text.replace(f"{prefix}dlq.", f"dlq.{prefix}")
    text = text.replace("click.avro", str(folder / "click.avro"))
    text = text.replace("python ", f"{sys.executable} ")
    shown = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        check=True,
        cwd=ROOT,
        timeout=60,
        env=environment(),
        capture_output=True,
        text=True,
    )
    return shown.stdout


@needs_kcat
def test_kcat_produces_a_click(kafka_broker, topic_prefix, tmp_path):
    create_topics(
        Connection(kafka_broker), KafkaSettings(topic_prefix=topic_prefix, partitions=3)
    )
    shell(kcat_command(0), kafka_broker, topic_prefix, tmp_path)
    assert_is_a_click(messages(kafka_broker, topic_prefix + "ads.behavior.v1")[0])


@needs_kcat
def test_kcat_shows_why_a_record_became_a_dead_letter(
    kafka_broker, topic_prefix, tmp_path
):
    create_topics(
        Connection(kafka_broker), KafkaSettings(topic_prefix=topic_prefix, partitions=3)
    )
    letter = dead_letter(
        topic_prefix + "ads.behavior.v1", 0, 7, b"k", b"v", "texts", "bad"
    )
    send(kafka_broker, letter.topic, (b"k", b"v"), headers=letter.headers)
    shown = shell(kcat_command(2), kafka_broker, topic_prefix, tmp_path)
    assert "__connect.errors.exception.message=bad" in shown


@needs_kcat
def test_kcat_erases_a_person(kafka_broker, topic_prefix, tmp_path):
    create_topics(
        Connection(kafka_broker), KafkaSettings(topic_prefix=topic_prefix, partitions=3)
    )
    shell(kcat_command(3), kafka_broker, topic_prefix, tmp_path)
    (message,) = messages(kafka_broker, topic_prefix + "ads.profile.v1")
    assert (message.key.decode(), message.value) == (USER, None)
    assert message.partition == MURMUR2_OF_USER_MOD_3


def environment():
    path = "/usr/local/bin:/usr/bin:/bin"
    return {"PYTHONPATH": str(ROOT), "PATH": path}
