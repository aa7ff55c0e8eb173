import base64
import ssl

import pytest

from schemas.lock import LockedIds
from schemas.records import RECORDS, Text
from streams.errors import ConfigurationError, UnavailableError
from streams.kafka import schema_ids as module
from streams.kafka.schema_ids import schema_ids
from streams.kafka.topics import TOPICS
from streams.settings import KafkaSettings, Settings
from tests.schemas.registry_server import serve
from tests.streams.certificates import make_certificates


def settings(url: str, prefix: str = "") -> Settings:
    return Settings(SCHEMA_REGISTRY_URL=url, kafka=KafkaSettings(topic_prefix=prefix))


def test_without_a_registry_ids_come_from_the_lock_file():
    assert isinstance(schema_ids(settings("")), LockedIds)


def test_with_a_registry_every_schema_is_there_before_the_first_message():
    with serve() as registry:
        ids = schema_ids(settings(registry.url, "eu."))
        assert set(registry.subjects) == {f"eu.{t.name}-value" for t in TOPICS}
        asked = len(registry.requests)
        assert len({ids.id_of(record) for record in RECORDS}) == len(RECORDS)
        assert len(registry.requests) == asked


def test_an_incompatible_registry_stops_the_start():
    with serve() as registry:
        subject = "ads.text.v1-value"
        registry.add(
            subject,
            {
                "type": "record",
                "name": "adloom.Text",
                "fields": [{"name": "text_id", "type": "long"}],
            },
        )
        registry.compatibility[subject] = "BACKWARD_TRANSITIVE"
        with pytest.raises(UnavailableError, match=f"{Text.__name__} is not BACKWARD"):
            schema_ids(settings(registry.url))


def test_a_registry_that_is_not_there_is_unavailable(monkeypatch):
    with serve() as registry:
        gone = registry.url
    client = module.RegistryClient
    monkeypatch.setattr(
        module,
        "RegistryClient",
        lambda url, **given: client(url, sleep=lambda _: None, **given),
    )
    with pytest.raises(UnavailableError, match="schema registry http"):
        schema_ids(settings(gone))


def test_an_address_without_a_scheme_is_a_wrong_setting():
    with pytest.raises(ConfigurationError, match="SCHEMA_REGISTRY_URL"):
        schema_ids(settings("registry:8081"))


def test_a_user_from_the_settings_is_sent():
    with serve() as registry:
        schema_ids(
            Settings(
                SCHEMA_REGISTRY_URL=registry.url,
                SCHEMA_REGISTRY_USERNAME="us%er",
                SCHEMA_REGISTRY_PASSWORD="p:w",  # noqa: S106 - nobody's
            )
        )
        expected = "Basic " + base64.b64encode(b"us%er:p:w").decode()
        assert {sent for _, _, sent in registry.requests} == {expected}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"URL": "http://r", "USERNAME": "u"}, "expected both or none"),
        ({"URL": "http://a:b@r", "USERNAME": "u", "PASSWORD": "p"}, "expected one of"),
        ({"URL": "http://r", "SSL_CA_FILE": "ca.pem"}, "SCHEMA_REGISTRY_URL is not ht"),
        ({"URL": "https://r", "SSL_CA_FILE": "gone.pem"}, "expected a PEM file"),
        ({"PASSWORD": "p"}, "SCHEMA_REGISTRY_URL is not"),
    ],
)
def test_registry_settings_that_contradict_each_other_are_refused(given, sentence):
    named = {f"SCHEMA_REGISTRY_{name}": value for name, value in given.items()}
    with pytest.raises(ConfigurationError, match=sentence):
        schema_ids(Settings(**{"SCHEMA_REGISTRY_URL": "", **named}))


def test_a_registry_over_tls_is_trusted_by_its_authority_only(tmp_path):
    make_certificates(tmp_path)
    at_registry = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    at_registry.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    with serve(at_registry) as registry:
        named = {"SCHEMA_REGISTRY_URL": registry.url}
        trusting = Settings(SCHEMA_REGISTRY_SSL_CA_FILE=tmp_path / "ca.pem", **named)
        assert set(RECORDS) == {r for r in RECORDS if schema_ids(trusting).id_of(r)}
        other = Settings(SCHEMA_REGISTRY_SSL_CA_FILE=tmp_path / "stranger.pem", **named)
        with pytest.raises(UnavailableError, match="correct SCHEMA_REGISTRY_SSL_CA"):
            schema_ids(other)


def test_a_password_that_the_registry_refuses_is_said():
    with serve() as registry:
        registry.broken.append((401, "{}", {}))
        with pytest.raises(UnavailableError, match="correct SCHEMA_REGISTRY_USERNAME"):
            schema_ids(settings(registry.url))
