"""A hastily pre-trained model, a broker's topics, and feedback on them."""

from dataclasses import dataclass

from kafka import KafkaProducer

from model_export.store.champion import in_force
from model_export.store.registry import Registry
from schemas.records import Feedback, ModelRelease, PosteriorUpdate
from streams.kafka.connection import Connection
from streams.kafka.schema_ids import wire_of
from streams.kafka.topic_admin import create_topics
from streams.kafka.topics import FEEDBACK, MODEL_RELEASE, POSTERIOR
from streams.settings import KafkaSettings, LearnerSettings, ModelSettings, Settings

NAME = "creative-gan"
PARTITIONS = 2


@dataclass(frozen=True)
class World:
    """One deployment."""

    settings: Settings

    @classmethod
    def on(cls, broker: str, prefix: str, store: str, **learner) -> "World":
        """Return a deployment with its topics made."""
        kafka = KafkaSettings(topic_prefix=prefix, partitions=PARTITIONS)
        create_topics(Connection(broker), kafka)
        return cls(
            Settings(
                KAFKA_BOOTSTRAP_SERVERS=broker,
                kafka=kafka,
                model=ModelSettings(name=NAME, store=store),
                learner=LearnerSettings(**learner),
            )
        )

    @property
    def registry(self) -> Registry:
        """Return the model registry."""
        return Registry(self.settings.model.store)

    @property
    def environment(self) -> dict[str, str]:
        """Return the settings as variables of a process."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.settings.kafka_bootstrap_servers,
            "ADLOOM_KAFKA__TOPIC_PREFIX": self.settings.kafka.topic_prefix,
            "ADLOOM_KAFKA__PARTITIONS": str(PARTITIONS),
            "ADLOOM_MODEL__NAME": NAME,
            "ADLOOM_MODEL__STORE": self.settings.model.store,
            "ADLOOM_LEARNER__PUBLISH_S": str(self.settings.learner.publish_s),
        }

    def champion(self) -> ModelRelease:
        """Return the release of the champion."""
        return in_force(self.registry.champion(NAME), at=1_800_000_000_000)

    def send_feedback(self, records) -> None:
        """Put feedback on its topic, by person."""
        wire = wire_of(self.settings)
        codec = wire.codec(Feedback)
        self.send(
            (FEEDBACK, wire.partition_of(FEEDBACK, one.user_id), codec.encode(one))
            for one in records
        )

    def send_release(self, release: ModelRelease) -> None:
        """Put a release on its topic."""
        codec = wire_of(self.settings).codec(ModelRelease)
        self.send([(MODEL_RELEASE, 0, codec.encode(release))])

    def send_update(self, update: PosteriorUpdate | bytes) -> None:
        """Put a posterior's announcement, or anything, on its topic."""
        if isinstance(update, PosteriorUpdate):
            update = wire_of(self.settings).codec(PosteriorUpdate).encode(update)
        self.send([(POSTERIOR, 0, update)])

    def send(self, messages) -> None:
        """Write (topic, partition, value)."""
        wire = wire_of(self.settings)
        producer = KafkaProducer(
            bootstrap_servers=self.settings.kafka_bootstrap_servers, acks="all"
        )
        sent = [
            producer.send(wire.name(topic), value=value, key=b"k", partition=partition)
            for topic, partition, value in messages
        ]
        for one in sent:
            one.get(timeout=20)
        producer.close()
