from contextlib import closing

import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from streams.errors import ConfigurationError, StateError, UnavailableError
from streams.kafka.connection import Connection
from streams.kafka.dead_letters import dead_letter_topic
from streams.kafka.topic_admin import TopicSpec, create_topics, plan, specs
from streams.kafka.topics import BEHAVIOR, CREATIVE, FINETUNE_JOB, PROFILE, TOPICS
from streams.settings import KafkaSettings

CHANGELOG = "adloom-requests-v1-changelog"


def by_name(found: list[TopicSpec]) -> dict[str, TopicSpec]:
    return {spec.name: spec for spec in found}


def test_every_topic_has_a_dead_letter_topic_of_one_partition():
    found = by_name(specs(KafkaSettings(partitions=6)))
    letters = {dead_letter_topic(topic.name) for topic in TOPICS}
    assert set(found) == {topic.name for topic in TOPICS} | letters
    assert {found[dead_letter_topic(topic.name)].partitions for topic in TOPICS} == {1}
    assert found[BEHAVIOR.name].partitions == 6
    assert found[FINETUNE_JOB.name].partitions == 1


def test_the_prefix_is_where_the_stages_look_for_it():
    settings = KafkaSettings(topic_prefix="eu.")
    found = by_name(specs(settings, ["eu." + CHANGELOG]))
    assert "eu.ads.behavior.v1" in found
    assert dead_letter_topic("eu.ads.behavior.v1") in found
    assert "eu." + CHANGELOG in found


def test_state_is_compacted_and_events_expire():
    found = by_name(specs(KafkaSettings(), [CHANGELOG]))
    assert found[PROFILE.name].config["cleanup.policy"] == "compact"
    assert found[CHANGELOG].config["cleanup.policy"] == "compact"
    assert "retention.ms" not in found[CHANGELOG].config
    assert found[BEHAVIOR.name].config == {
        "cleanup.policy": "delete",
        "retention.ms": "604800000",
    }


def test_a_creative_is_kept_as_the_newest_one_and_not_for_ever():
    config = by_name(specs(KafkaSettings()))[CREATIVE.name].config
    assert config["cleanup.policy"] == "compact,delete"
    assert config["retention.ms"] == "604800000"


def test_a_changelog_that_is_a_topic_of_the_contract_is_made_once():
    found = specs(KafkaSettings(), ["ads.preference.v1"])
    assert [spec.name for spec in found].count("ads.preference.v1") == 1


def test_topics_are_made_once_and_keep_what_they_were_made_with(broker, topic_prefix):
    settings = KafkaSettings(topic_prefix=topic_prefix, partitions=3)
    before = create_topics(Connection(broker), settings, [topic_prefix + CHANGELOG])
    after = create_topics(Connection(broker), settings, [topic_prefix + CHANGELOG])
    assert {topic.exists for topic in before} == {False}
    assert {topic.exists for topic in after} == {True}
    with closing(KafkaAdminClient(bootstrap_servers=broker)) as admin:
        made = {
            topic["name"]: len(topic["partitions"])
            for topic in admin.describe_topics([t.spec.name for t in after])
        }
    assert made == {topic.spec.name: topic.spec.partitions for topic in after}
    assert made[topic_prefix + CHANGELOG] == 3


def test_a_plan_makes_nothing(broker, topic_prefix):
    settings = KafkaSettings(topic_prefix=topic_prefix)
    plan(Connection(broker), settings)
    assert {topic.exists for topic in plan(Connection(broker), settings)} == {False}


def test_another_partition_count_is_refused_with_both_counts(broker, topic_prefix):
    create_topics(
        Connection(broker), KafkaSettings(topic_prefix=topic_prefix, partitions=2)
    )
    other = KafkaSettings(topic_prefix=topic_prefix, partitions=3)
    with pytest.raises(StateError, match=r"behavior\.v1: 2 partitions, expected 3"):
        create_topics(Connection(broker), other, [topic_prefix + CHANGELOG])
    same = KafkaSettings(topic_prefix=topic_prefix, partitions=2)
    changelog = plan(Connection(broker), same, [topic_prefix + CHANGELOG])[-1]
    assert not changelog.exists, "a refused plan makes nothing"


def test_apache_kafka_keeps_the_configuration(kafka_broker, topic_prefix):
    create_topics(Connection(kafka_broker), KafkaSettings(topic_prefix=topic_prefix))
    name = topic_prefix + PROFILE.name
    with closing(KafkaAdminClient(bootstrap_servers=kafka_broker)) as admin:
        resource = ConfigResource(ConfigResourceType.TOPIC, name)
        config = admin.describe_configs([resource])["topic"][name]
    assert config["cleanup.policy"]["value"] == "compact"
    assert config["max.compaction.lag.ms"]["value"] == "604800000"


def test_more_replicas_than_brokers_is_a_wrong_setting(kafka_broker, topic_prefix):
    settings = KafkaSettings(topic_prefix=topic_prefix, replication=99)
    with pytest.raises(ConfigurationError, match="ADLOOM_KAFKA__REPLICATION"):
        create_topics(Connection(kafka_broker), settings)


def test_a_broker_that_does_not_answer_is_named():
    with pytest.raises(UnavailableError, match=r"no Kafka broker answers at .*:1:"):
        plan(Connection("127.0.0.1:1"), KafkaSettings())


@pytest.mark.parametrize("address", ["", "broker", "broker:kafka", ":9092"])
def test_an_address_without_host_and_port_is_a_wrong_setting(address):
    with pytest.raises(ConfigurationError, match="expected host:port"):
        plan(Connection(address), KafkaSettings())
