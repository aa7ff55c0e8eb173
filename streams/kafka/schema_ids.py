"""SCHEMA_REGISTRY_URL, or schemas.lock -> schema ids, and how records are written."""

from functools import cache

from schemas.avro import SchemaIds
from schemas.lock import LockedIds
from schemas.registry import RegistryIds
from schemas.registry_client import RegistryClient, SchemaRegistryError
from streams.errors import ConfigurationError, UnavailableError
from streams.kafka.connection import tls_context
from streams.kafka.topics import TOPICS
from streams.kafka.wire import Wire
from streams.settings import Settings


def schema_ids(settings: Settings) -> SchemaIds:
    """Return the ids of every record, asked for once, before the first message.

    With a registry, a schema that it lacks is registered under the subject
    `<topic>-value` (TopicNameStrategy), the topic's prefix included.

    Raises:
        ConfigurationError: the registry's address is none, or its settings contradict
            each other.
        UnavailableError: the registry does not answer, or refuses a schema.
    """
    url = settings.schema_registry_url
    if not url:
        _refuse_unused(settings)
        return LockedIds()
    prefix = settings.kafka.topic_prefix
    subjects = {topic.record: f"{prefix}{topic.name}-value" for topic in TOPICS}
    try:
        ids = RegistryIds(_client(settings), subjects)
        for record in subjects:
            ids.id_of(record)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    except SchemaRegistryError as error:
        raise UnavailableError(str(error)) from error
    return ids


@cache
def wire_of(settings: Settings) -> Wire:
    """Return how records look in this deployment; raises as `schema_ids` does."""
    return Wire(
        schema_ids(settings),
        settings.kafka.topic_prefix,
        n_partitions=settings.kafka.partitions,
    )


def _client(settings: Settings) -> RegistryClient:
    url, authorities = (
        settings.schema_registry_url,
        settings.schema_registry_ssl_ca_file,
    )
    user, password = (
        settings.schema_registry_username,
        settings.schema_registry_password,
    )
    if bool(user) != bool(password):
        raise ConfigurationError(
            "SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD: expected both or "
            "none; set the other too"
        )
    if authorities is not None and not url.startswith("https:"):
        raise ConfigurationError(
            "SCHEMA_REGISTRY_SSL_CA_FILE is set, but SCHEMA_REGISTRY_URL is not https: "
            "correct the address, or unset the file"
        )
    return RegistryClient(
        url,
        user=f"{user}:{password}" if user else "",
        tls=tls_context("SCHEMA_REGISTRY_SSL_CA_FILE", authorities),
    )


def _refuse_unused(settings: Settings) -> None:
    for name in ("username", "password", "ssl_ca_file"):
        if getattr(settings, f"schema_registry_{name}"):
            raise ConfigurationError(
                f"SCHEMA_REGISTRY_{name.upper()} is set, SCHEMA_REGISTRY_URL is not: "
                "expected the registry's address too, or neither"
            )
