"""Variables -> a connection, or one sentence that says what does not fit."""

import shlex
import subprocess

import pytest

from streams import settings
from streams.errors import ConfigurationError
from streams.kafka.connection import connection_of


@pytest.fixture
def given(monkeypatch, tmp_path):
    """A function that sets variables and returns the connection."""
    monkeypatch.chdir(tmp_path)  # no .env of whoever runs the tests

    def connect(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, str(value))
        return connection_of(settings.load())

    return connect


SASL = {
    "KAFKA_BOOTSTRAP_SERVERS": "b:9093",
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "KAFKA_SASL_USERNAME": "adloom",
}


def test_nothing_is_asked_of_a_broker_without_security(given):
    connection = given(KAFKA_BOOTSTRAP_SERVERS="a:1,[::1]:2")
    assert connection.arguments == {"bootstrap_servers": ["a:1", "[::1]:2"]}


def test_a_password_comes_from_a_file(given, tmp_path):
    password = f"{tmp_path}"
    (tmp_path / "password").write_text(f"{password}\n")
    connection = given(**SASL, KAFKA_SASL_PASSWORD_FILE=tmp_path / "password")
    assert connection.security["sasl_plain_password"] == password
    assert connection.security["ssl_context"].check_hostname


async def test_a_token_is_read_again_for_each_connection(given, tmp_path):
    token = tmp_path / "token"
    token.write_text("first")
    connection = given(
        KAFKA_SECURITY_PROTOCOL="SASL_PLAINTEXT",
        KAFKA_SASL_MECHANISM="OAUTHBEARER",
        KAFKA_SASL_OAUTHBEARER_TOKEN_FILE=token,
    )
    provider = connection.security["sasl_oauth_token_provider"]
    assert await provider.token() == "first"
    token.write_text("second\n")
    assert await provider.token() == "second"


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        (
            {"KAFKA_SECURITY_PROTOCL": "SSL"},
            "KAFKA_SECURITY_PROTOCL: not known; nearest: KAFKA_SECURITY_PROTOCOL",
        ),
        (
            {"SCHEMA_REGISTRY_PASWORD": "u"},
            "SCHEMA_REGISTRY_PASWORD: not known; nearest: SCHEMA_REGISTRY_PASSWORD",
        ),
        ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, "Input should be 'PLAINTEXT'"),
        ({"KAFKA_SASL_USERNAME": "u"}, "expected SASL_PLAINTEXT or SASL_SSL"),
        ({"KAFKA_SSL_CA_FILE": "ca.pem"}, "expected SSL or SASL_SSL"),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CA_FILE": "ca.pem"},
            "KAFKA_SSL_CA_FILE: expected a PEM file with certificates at ca.pem",
        ),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_KEY_FILE": "k.pem"},
            "KAFKA_SSL_CERT_FILE is not",
        ),
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "without KAFKA_SASL_MECHANISM"),
        (SASL, "expected KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"),
        (
            {**SASL, "KAFKA_SASL_MECHANISM": "OAUTHBEARER"},
            "expected KAFKA_SASL_OAUTHBEARER_TOKEN_FILE",
        ),
        (
            {**SASL, "KAFKA_SASL_PASSWORD_FILE": "gone"},
            "KAFKA_SASL_PASSWORD_FILE: cannot read gone",
        ),
        (
            {"KAFKA_SASL_PASSWORD": "p", "KAFKA_SASL_PASSWORD_FILE": "f"},
            "both set: expected one",
        ),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(given, variables, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        given(**variables)


def test_what_kubernetes_says_of_a_service_named_kafka_is_no_mistake(given):
    given(
        KAFKA_PORT="tcp://10.0.0.1:9092",
        KAFKA_PORT_9092_TCP="tcp://10.0.0.1:9092",
        KAFKA_PORT_9092_TCP_ADDR="10.0.0.1",
        KAFKA_SERVICE_HOST="10.0.0.1",
        KAFKA_SERVICE_PORT="9092",
        KAFKA_SERVICE_PORT_BROKER="9092",
    )


def test_a_port_that_somebody_set_is_not_ignored(given):
    with pytest.raises(ConfigurationError, match="KAFKA_PORT: not known"):
        given(KAFKA_PORT="9092")


def test_a_key_that_needs_a_password_does_not_ask_the_terminal(given, tmp_path):
    pem = tmp_path / "client.pem"
    subprocess.run(
        shlex.split(
            "openssl req -x509 -newkey rsa:2048 -subj /CN=client -passout pass:right "
            "-keyout client.pem -out cert.pem"
        ),
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    tls = {
        "KAFKA_SECURITY_PROTOCOL": "SSL",
        "KAFKA_SSL_CERT_FILE": tmp_path / "cert.pem",
        "KAFKA_SSL_KEY_FILE": pem,
    }
    with pytest.raises(ConfigurationError, match="KAFKA_SSL_KEY_PASSWORD"):
        given(**tls)
    tls["KAFKA_SSL_KEY_PASSWORD"] = "right"  # noqa: S105 - made here
    assert given(**tls).security["ssl_context"]
