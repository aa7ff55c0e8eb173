"""Adloom's clients on an Apache Kafka with TLS, SCRAM, client certificates and ACLs."""

import base64
import gc
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
import warnings
from dataclasses import replace

import pytest

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Behavior
from streams import settings
from streams.errors import AdloomError, ConfigurationError
from streams.kafka import topic_admin
from streams.kafka.blocking_reader import BlockingReader
from streams.kafka.connection import checked_connection
from streams.kafka.group import Group
from streams.kafka.producer import BlockingProducer, Sent
from streams.local.ports import free_port
from streams.runtime.clock import now_ms
from tests.conftest import LAUNCHER, OLDEST_JAVA, ROOT, java_version
from tests.good_records import good
from tests.streams.certificates import make_certificates

pytestmark = [
    pytest.mark.kafka,
    # A TLS connection that asyncio closes waits for the broker's goodbye, which Kafka
    # does not send; the loop ends first, and its socket is closed with the object.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(autouse=True)
def connections_end_here():
    """Have closed connections go while their warning is ignored."""
    yield
    gc.collect()


PLAIN_PORT, SCRAM_PORT, MUTUAL_PORT, CONTROLLER_PORT = ["plain", "scram", "mutual", "c"]


def options(certificates, ports):
    """Return what the launcher has to set: three listeners, one authority, ACLs."""
    pair = certificates / "server-pair.pem"
    pair.write_text(
        (certificates / "server.key").read_text()
        + (certificates / "server.pem").read_text()
    )
    modules = "org.apache.kafka.common.security"
    scram_login = f"{modules}.scram.ScramLoginModule required;"
    plain_login = (
        f'{modules}.plain.PlainLoginModule required user_adloom="adloom-pass";'
    )
    # Kafka's own validator of unsigned tokens: for tests, says its documentation.
    token_login = (
        f"{modules}.oauthbearer.OAuthBearerLoginModule required "
        'unsecuredLoginStringClaim_sub="broker";'
    )
    values = {
        "listeners": f"PLAINTEXT://127.0.0.1:{ports[PLAIN_PORT]},"
        f"SCRAM://127.0.0.1:{ports[SCRAM_PORT]},"
        f"MUTUAL://127.0.0.1:{ports[MUTUAL_PORT]},"
        f"CONTROLLER://127.0.0.1:{ports[CONTROLLER_PORT]}",
        "controller.quorum.voters": f"0@127.0.0.1:{ports[CONTROLLER_PORT]}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,"
        "SCRAM:SASL_SSL,MUTUAL:SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": pair,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": certificates / "ca.pem",
        "listener.name.mutual.ssl.client.auth": "required",
        "listener.name.scram.sasl.enabled.mechanisms": "SCRAM-SHA-512,SCRAM-SHA-256,"
        "PLAIN,OAUTHBEARER",
        "listener.name.scram.scram-sha-512.sasl.jaas.config": scram_login,
        "listener.name.scram.scram-sha-256.sasl.jaas.config": scram_login,
        "listener.name.scram.plain.sasl.jaas.config": plain_login,
        "listener.name.scram.oauthbearer.sasl.jaas.config": token_login,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer"
        ".StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }
    sets = [
        word for pair in values.items() for word in ("--set", f"{pair[0]}={pair[1]}")
    ]
    return ["--port", str(ports[PLAIN_PORT]), *sets]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def secured(tmp_path_factory, certificates):
    """Yield the ports of an Apache Kafka with users `adloom` and `stranger`."""
    if not LAUNCHER.exists() or java_version() < OLDEST_JAVA:
        pytest.skip("Apache Kafka with TLS: ../shared/kafka or Java >= 17 is missing")
    names = (PLAIN_PORT, SCRAM_PORT, MUTUAL_PORT, CONTROLLER_PORT)
    ports = {name: free_port("127.0.0.1", 0) for name in names}
    folder = tmp_path_factory.mktemp("kafka") / "broker"
    owner_script = ROOT / "benchmarks" / "kafka_owner.py"
    with subprocess.Popen(
        [sys.executable, owner_script, LAUNCHER, folder, *options(certificates, ports)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as owner:
        assert owner.stdout.readline().strip(), f"did not start; see {folder}"
        let_in(f"127.0.0.1:{ports[PLAIN_PORT]}")
        yield ports


def let_in(bootstrap):
    """Give `adloom` and the certificate `client` every right, `stranger` none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from kafka import admin  # noqa: PLC0415 - its import warns

    client = admin.KafkaAdminClient(bootstrap_servers=bootstrap)
    mechanisms = (
        admin.ScramMechanism.SCRAM_SHA_256,
        admin.ScramMechanism.SCRAM_SHA_512,
    )
    for mechanism in mechanisms:  # a request may name a user once
        client.alter_user_scram_credentials(
            [
                admin.UserScramCredentialUpsertion(user, mechanism, f"{user}-pass")
                for user in ("adloom", "stranger")
            ]
        )
    kinds = ((admin.ResourceType.TOPIC, "*"), (admin.ResourceType.GROUP, "*"))
    everywhere = (*kinds, (admin.ResourceType.CLUSTER, "kafka-cluster"))
    client.create_acls(
        [
            admin.ACL(
                principal=principal,
                host="*",
                operation=admin.ACLOperation.ALL,
                permission_type=admin.ACLPermissionType.ALLOW,
                resource_pattern=admin.ResourcePattern(kind, name),
            )
            for principal in ("User:adloom", "User:CN=client")
            for kind, name in everywhere
        ]
    )
    client.close()


@pytest.fixture
def variables(secured, certificates, tmp_path):
    """Return the environment of each way in."""

    def password(text):
        file = tmp_path / "password"
        file.write_text(f"{text}\n")
        return str(file)

    scram = {
        "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{secured[SCRAM_PORT]}",
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SSL_CA_FILE": str(certificates / "ca.pem"),
        "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    }
    ways = {
        "scram": scram
        | {
            "KAFKA_SASL_USERNAME": "adloom",
            "KAFKA_SASL_PASSWORD_FILE": password("adloom-pass"),
        },
        "mutual": {
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{secured[MUTUAL_PORT]}",
            "KAFKA_SECURITY_PROTOCOL": "SSL",
            "KAFKA_SSL_CA_FILE": str(certificates / "ca.pem"),
            "KAFKA_SSL_CERT_FILE": str(certificates / "client.pem"),
            "KAFKA_SSL_KEY_FILE": str(certificates / "client.key"),
        },
    }
    ways |= {
        "scram 256": ways["scram"] | {"KAFKA_SASL_MECHANISM": "SCRAM-SHA-256"},
        "plain": ways["scram"] | {"KAFKA_SASL_MECHANISM": "PLAIN"},
        "token": token_way(ways["scram"], tmp_path, expires_at=now_ms() / 1000 + 3600),
    }
    ways["plain, wrong password"] = ways["plain"] | {"KAFKA_SASL_PASSWORD": "guessed"}
    del ways["plain, wrong password"]["KAFKA_SASL_PASSWORD_FILE"]
    ways["token of yesterday"] = token_way(ways["scram"], tmp_path, expires_at=1.0)
    ways["wrong password"] = ways["scram"] | {"KAFKA_SASL_PASSWORD": "guessed"}
    del ways["wrong password"]["KAFKA_SASL_PASSWORD_FILE"]
    ways["untrusted"] = ways["scram"] | {
        "KAFKA_SSL_CA_FILE": str(certificates / "stranger.pem")
    }
    ways["no certificate"] = {
        name: value
        for name, value in ways["mutual"].items()
        if name not in ("KAFKA_SSL_CERT_FILE", "KAFKA_SSL_KEY_FILE")
    }
    ways["no rights"] = scram | {
        "KAFKA_SASL_USERNAME": "stranger",
        "KAFKA_SASL_PASSWORD": "stranger-pass",
    }
    return ways


def token_way(scram, folder, expires_at):
    """Return the environment of a client with an unsigned token of its own file."""

    def part(claims):
        encoded = base64.urlsafe_b64encode(json.dumps(claims).encode())
        return encoded.decode().rstrip("=")

    claims = {"sub": "adloom", "iat": expires_at - 3600, "exp": expires_at}
    file = folder / f"token-{expires_at:.0f}"
    file.write_text(f"{part({'alg': 'none'})}.{part(claims)}.\n")
    way = {name: scram[name] for name in scram if "USER" not in name}
    del way["KAFKA_SASL_PASSWORD_FILE"]
    return way | {
        "KAFKA_SASL_MECHANISM": "OAUTHBEARER",
        "KAFKA_SASL_OAUTHBEARER_TOKEN_FILE": str(file),
    }


@pytest.fixture
def loaded(variables, monkeypatch, tmp_path, topic_prefix):
    """Return a function from a way in to the settings."""
    monkeypatch.chdir(tmp_path)

    def load(way):
        for name in {name for one in variables.values() for name in one}:
            monkeypatch.delenv(name, raising=False)
        for name, value in variables[way].items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("ADLOOM_KAFKA__TOPIC_PREFIX", topic_prefix)
        return settings.load()

    return load


@pytest.mark.parametrize("way", ["scram", "scram 256", "plain", "token", "mutual"])
def test_topics_records_and_groups_go_through(loaded, way, topic_prefix):
    known = loaded(way)
    connection = checked_connection(known)
    topic_admin.create_topics(connection, known.kafka, [])
    topic = f"{topic_prefix}ads.behavior.v1"
    producer = BlockingProducer(connection, "adloom-test")
    producer.send(Sent(topic, b"u1", b"one", ()), Sent(topic, b"u1", b"two", ()))
    producer.close()
    reader = BlockingReader(connection)
    group = Group(connection, f"{topic_prefix}group", "adloom-test", [topic], 6.0)
    try:
        reader.assign(positions_of(group))
        read = []
        ends_at = time.monotonic() + 60
        while len(read) < 2 and time.monotonic() < ends_at:
            group.poll()
            read += reader.read_messages(timeout_s=0.5)
        assert [bytes(one.value) for one in read] == [b"one", b"two"]
        group.commit({reader_tp(read): read[-1].offset + 1})
    finally:
        reader.close()
        group.close()


def positions_of(group):
    ends_at = time.monotonic() + 60
    while time.monotonic() < ends_at:
        group.poll()
        if group.is_settled() and (positions := group.positions()):
            return positions
        time.sleep(0.2)
    raise AssertionError("no partitions were assigned")


def reader_tp(read):
    from faust.types import TP  # noqa: PLC0415

    return TP(read[-1].topic, read[-1].partition)


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("wrong password", "does not let adloom in by SCRAM-SHA-512.*PASSWORD"),
        ("plain, wrong password", "does not let adloom in by PLAIN.*PASSWORD"),
        ("token of yesterday", "does not let .* in by OAUTHBEARER.*TOKEN_FILE"),
        ("untrusted", "is not trusted: expected a certificate.*KAFKA_SSL_CA_FILE"),
        ("no certificate", "KAFKA_SSL_CERT_FILE"),
    ],
)
def test_who_is_not_let_in_is_told_why_in_one_sentence(loaded, way, said):
    with pytest.raises(AdloomError) as raised:
        checked_connection(loaded(way))
    assert re.search(said, str(raised.value))
    assert "\n" not in str(raised.value)


def test_a_right_that_is_missing_is_named(loaded, topic_prefix):
    allowed = loaded("scram")
    topic_admin.create_topics(checked_connection(allowed), allowed.kafka, [])
    topic = f"{topic_prefix}ads.behavior.v1"
    connection = checked_connection(loaded("no rights"))
    with pytest.raises(ConfigurationError, match=r"IDEMPOTENT_WRITE.*by an ACL"):
        BlockingProducer(connection, "adloom-test")
    reader = BlockingReader(connection)
    try:
        with pytest.raises(AdloomError, match=f"{topic} may not be used by"):
            reader.partitions_of(topic)
    finally:
        reader.close()


def run(*command, environment):
    return subprocess.run(
        [sys.executable, "-m", "streams", *command],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("way", ["wrong password", "untrusted", "no rights"])
def test_a_command_ends_with_one_sentence_and_a_status(variables, way, topic_prefix):
    environment = variables[way] | {"ADLOOM_KAFKA__TOPIC_PREFIX": topic_prefix}
    done = run("topics", "apply", environment=environment)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("adloom: "), done.stderr


def test_a_worker_reads_and_writes_over_sasl_ssl(loaded, variables, topic_prefix):
    known = loaded("scram")
    connection = checked_connection(known)
    topic_admin.create_topics(connection, known.kafka, [])
    port = free_port("127.0.0.1", 0)
    environment = variables["scram"] | {
        "ADLOOM_KAFKA__TOPIC_PREFIX": topic_prefix,
        "ADLOOM_LOCAL__METRICS_PORT": str(port),
        "ADLOOM_KAFKA__SESSION_TIMEOUT_S": "6",
    }
    event = replace(good(Behavior), occurred_at=now_ms())
    message = Codec(Behavior, LockedIds()).encode(event)
    worker = subprocess.Popen(
        [sys.executable, "-m", "streams", "worker", "preferences"],
        env=os.environ | environment,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/readyz", worker)
        producer = BlockingProducer(connection, "adloom-test")
        producer.send(
            Sent(f"{topic_prefix}ads.behavior.v1", event.user_id.encode(), message, ())
        )
        producer.close()
        assert first_key(connection, f"{topic_prefix}ads.preference.v1") == (
            event.user_id.encode()
        )
    finally:
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=60) == 0


def wait_for(url, worker):
    ends_at = time.monotonic() + 90
    while time.monotonic() < ends_at and worker.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except OSError:
            time.sleep(0.3)
        else:
            return
    raise AssertionError(f"{url} did not answer; the worker's status: {worker.poll()}")


def first_key(connection, topic):
    reader = BlockingReader(connection)
    try:
        reader.assign(dict.fromkeys(reader.partitions_of(topic), 0))
        ends_at = time.monotonic() + 60
        while time.monotonic() < ends_at:
            if found := reader.read_messages(timeout_s=0.5):
                return bytes(found[0].key)
        return None
    finally:
        reader.close()
