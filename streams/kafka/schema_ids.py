"""SCHEMA_REGISTRY_URL, or schemas.lock -> where schema ids come from."""

from schemas.avro import SchemaIds
from schemas.lock import LockedIds
from schemas.registry import RegistryIds
from schemas.registry_client import RegistryClient, SchemaRegistryError
from streams.errors import ConfigurationError, UnavailableError
from streams.kafka.topics import TOPICS
from streams.settings import Settings


def schema_ids(settings: Settings) -> SchemaIds:
    """Return the ids of every record, asked for once, before the first message.

    With a registry, a schema that it lacks is registered under the subject
    `<topic>-value` (TopicNameStrategy), the topic's prefix included.

    Raises:
        ConfigurationError: the registry's address is none.
        UnavailableError: the registry does not answer, or refuses a schema.
    """
    url = settings.schema_registry_url
    if not url:
        return LockedIds()
    prefix = settings.kafka.topic_prefix
    subjects = {topic.record: f"{prefix}{topic.name}-value" for topic in TOPICS}
    try:
        ids = RegistryIds(RegistryClient(url), subjects)
        for record in subjects:
            ids.id_of(record)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    except SchemaRegistryError as error:
        raise UnavailableError(str(error)) from error
    return ids
