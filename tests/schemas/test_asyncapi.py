"""asyncapi.yaml is valid, and says what the code does."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from streams.kafka.dead_letters import MAX_REASON_CHARS, dead_letter
from streams.kafka.topics import TOPICS

ROOT = Path(__file__).resolve().parents[2]
SPECIFICATION = Path(__file__).parent / "asyncapi" / "3.0.0.json"


@pytest.fixture(scope="module")
def contract():
    return yaml.safe_load((ROOT / "asyncapi.yaml").read_text("utf-8"))


def resolved(contract, reference):
    found = contract
    for part in reference["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found


def test_the_contract_is_asyncapi_3(contract):
    schema = json.loads(SPECIFICATION.read_text("utf-8"))
    jsonschema.Draft7Validator(schema).validate(contract)


def test_the_validator_refuses_a_wrong_contract(contract):
    schema = json.loads(SPECIFICATION.read_text("utf-8"))
    wrong = contract | {"channels": {"a": {"bindings": {"kafka": {"partitions": "x"}}}}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(schema).validate(wrong)


def test_dead_letters_have_the_headers_that_are_sent(contract):
    headers = contract["components"]["messages"]["DeadLetter"]["headers"]
    sent = dead_letter("t", 3, 14, b"k", b"v", "texts", "x" * 5_000)
    jsonschema.validate({name: v.decode() for name, v in sent.headers}, headers)
    assert sorted(headers["required"]) == sorted(name for name, _ in sent.headers)
    reason = headers["properties"]["__connect.errors.exception.message"]
    assert reason["maxLength"] == MAX_REASON_CHARS


def test_what_users_produce_is_received_and_the_rest_is_sent(contract):
    received = {
        resolved(contract, operation["channel"])["address"]
        for operation in contract["operations"].values()
        if operation["action"] == "receive" and {"name": "produce"} in operation["tags"]
    }
    assert received == {t.name for t in TOPICS if "users" in t.produced_by}


def test_every_channel_has_an_operation(contract):
    used = {o["channel"]["$ref"] for o in contract["operations"].values()}
    assert used == {f"#/channels/{name}" for name in contract["channels"]}


def test_every_tag_is_declared(contract):
    used = {tag["name"] for o in contract["operations"].values() for tag in o["tags"]}
    assert used == {tag["name"] for tag in contract["info"]["tags"]}
