"""Topics and schemas -> asyncapi.yaml; its descriptions are kept, the rest follows."""

import tomllib
from pathlib import Path
from typing import Any

import yaml

from schemas.avro import schema_file, schema_of
from streams.kafka.dead_letters import dead_letter_topic
from streams.kafka.topic_admin import TopicSpec, specs
from streams.kafka.topics import TOPICS, Topic
from streams.settings import KafkaSettings

ROOT = Path(__file__).resolve().parents[2]
HEAD = """\
# The topics of Adloom as a contract. `make generate` writes it from
# streams/kafka/topics.py and schemas/*.avsc; only its sentences are written by hand.
"""
BINDING = {"bindingVersion": "0.5.0"}


def contract(text: str) -> str:
    """Return asyncapi.yaml with all topics as they are."""
    made = {spec.name: spec for spec in specs(KafkaSettings())}
    tree = yaml.safe_load(text)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    tree["info"]["version"] = project["version"]
    channels, dead = tree["channels"], tree["channels"].pop("deadLetters")
    names = {channel["address"]: name for name, channel in channels.items()}
    tree["channels"] = {
        (name := names.get(topic.name, _camel(topic))): _channel(
            topic, made[topic.name], channels.get(name, {})
        )
        for topic in TOPICS
    } | {"deadLetters": dead}
    dead["parameters"]["topic"]["enum"] = [topic.name for topic in TOPICS]
    dead["bindings"] = _binding(made[dead_letter_topic(TOPICS[0].name)])
    letter = tree["components"]["messages"]["DeadLetter"]
    tree["components"]["messages"] = {
        topic.record.__name__: _message(topic) for topic in TOPICS
    } | {"DeadLetter": letter}
    tree["operations"] = _operations(tree)
    return HEAD + yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=88)


def _camel(topic: Topic) -> str:
    name = topic.record.__name__
    return name[0].lower() + name[1:]


def _channel(topic: Topic, spec: TopicSpec, written: dict[str, Any]) -> dict[str, Any]:
    name = topic.record.__name__
    doc = f"{schema_of(topic.record)['doc']}"
    bindings = _binding(spec)
    bindings["kafka"] = {"topic": topic.name} | bindings["kafka"]
    return {
        "address": topic.name,
        "description": written.get("description", doc),
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        "bindings": bindings,
    }


def _binding(spec: TopicSpec) -> dict[str, Any]:
    config = {
        name: value.split(",") if name == "cleanup.policy" else int(value)
        for name, value in spec.config.items()
    }
    return {
        "kafka": {
            "partitions": spec.partitions,
            "replicas": spec.replication,
            "topicConfiguration": config,
            **BINDING,
        }
    }


def _message(topic: Topic) -> dict[str, Any]:
    return {
        "name": topic.record.__name__,
        "title": schema_of(topic.record)["doc"].split(". Key:")[0],
        "contentType": "application/vnd.confluent.avro",
        "payload": {
            "schemaFormat": "application/vnd.apache.avro+json;version=1.9.0",
            "schema": {"$ref": f"./schemas/{schema_file(topic.record).name}"},
        },
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": topic.key},
                "schemaIdLocation": "payload",
                "schemaIdPayloadEncoding": "confluent",
                "schemaLookupStrategy": "TopicNameStrategy",
                **BINDING,
            }
        },
    }


def _operations(tree: dict[str, Any]) -> dict[str, Any]:
    """Return the operations there are, and one for each channel that has none."""
    operations: dict[str, Any] = tree["operations"]
    used = {operation["channel"]["$ref"] for operation in operations.values()}
    for name, channel in tree["channels"].items():
        reference = f"#/channels/{name}"
        if reference not in used:
            (message,) = channel["messages"]
            operations[f"send{message}"] = {
                "action": "send",
                "channel": {"$ref": reference},
                "summary": channel["description"],
                "tags": [{"name": "operate"}],
                "messages": [{"$ref": f"{reference}/messages/{message}"}],
            }
    return operations
