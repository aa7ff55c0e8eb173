import pytest

from schemas.lock import LockedIds
from schemas.records import RECORDS, Text
from streams.errors import ConfigurationError, UnavailableError
from streams.kafka import schema_ids as module
from streams.kafka.schema_ids import schema_ids
from streams.kafka.topics import TOPICS
from streams.settings import KafkaSettings, Settings
from tests.schemas.registry_server import serve


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
        module, "RegistryClient", lambda url: client(url, sleep=lambda _: None)
    )
    with pytest.raises(UnavailableError, match="schema registry http"):
        schema_ids(settings(gone))


def test_an_address_without_a_scheme_is_a_wrong_setting():
    with pytest.raises(ConfigurationError, match="SCHEMA_REGISTRY_URL"):
        schema_ids(settings("registry:8081"))
