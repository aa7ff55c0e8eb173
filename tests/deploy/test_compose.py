"""deploy/compose.yaml: valid, complete, on loopback, without a password.

No Docker engine runs where these tests run: they read the file, and hold it to the
Compose Specification and to the code. Nothing here starts a container.
"""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from streams import stages
from streams.settings import Settings

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
SPECIFICATION = Path(__file__).parent / "compose" / "compose-spec.json"
VARIABLE = re.compile(r"\$\{(\w+)(:[-?][^}]*)?\}")


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))


@pytest.fixture(scope="module")
def ours(compose):
    return {
        name: service
        for name, service in compose["services"].items()
        if "build" in service
    }


def test_the_file_follows_the_compose_specification(compose):
    schema = json.loads(SPECIFICATION.read_text("utf-8"))
    jsonschema.Draft7Validator(schema).validate(compose)


def test_the_specification_refuses_a_wrong_file(compose):
    schema = json.loads(SPECIFICATION.read_text("utf-8"))
    wrong = compose | {"services": {"kafka": {"image": ["apache/kafka"]}}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(schema).validate(wrong)


def test_every_stage_is_a_service(ours):
    commands = {name: service["command"] for name, service in ours.items()}
    assert commands == {
        "topics": ["topics", "apply"],
        "sink": ["sink"],
        "deliver": ["deliver"],
        "trainer": ["trainer"],
        "learner": ["learner"],
    } | {stage: ["worker", stage] for stage in stages.names()}


def test_every_image_is_pinned(compose):
    for name, service in compose["services"].items():
        tag = service["image"].rpartition(":")[2]
        assert re.fullmatch(r"\d+\.\d+(\.\d+)?", tag), name


def test_every_port_is_on_loopback(compose):
    published = [
        port
        for service in compose["services"].values()
        for port in service.get("ports", [])
    ]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_every_secret_is_asked_for_and_none_is_given():
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    named = dict(VARIABLE.findall(text))
    secrets = {name for name in named if re.search("PASSWORD|KEY", name)}
    assert secrets == {"CLICKHOUSE_PASSWORD", "ADLOOM_PRIVACY__PSEUDONYM_KEY"}
    assert all(named[name].startswith(":?") for name in secrets)
    for line in text.splitlines():
        if re.search("(PASSWORD|KEY|SECRET|TOKEN).*:", line):
            assert VARIABLE.search(line), line


def test_every_variable_of_a_service_is_a_setting(ours):
    known = setting_names()
    for name, service in ours.items():
        assert set(service["environment"]) <= known, name


def test_the_settings_of_every_service_are_accepted(ours, monkeypatch):
    for service in ours.values():
        for name, value in service["environment"].items():
            monkeypatch.setenv(name, VARIABLE.sub("0123456789abcdef", value))
        monkeypatch.setenv("ADLOOM_MODEL__NAME", "creative-vae")
        settings = Settings()
        assert settings.kafka_bootstrap_servers == "kafka:19092"
        assert settings.kafka.partitions == 12


def test_our_services_have_no_rights_they_do_not_need(ours):
    for name, service in ours.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service, name


def test_everything_that_stays_has_a_health_check(compose):
    for name, service in compose["services"].items():
        if service["restart"] == "unless-stopped":
            assert service["healthcheck"]["test"], name


def test_stages_start_after_their_topics_are_made(ours):
    for name, service in ours.items():
        before = service["depends_on"]
        assert before["kafka"] == {"condition": "service_healthy"}, name
        if name != "topics":
            expected = {"condition": "service_completed_successfully"}
            assert before["topics"] == expected, name
    assert "clickhouse" in ours["sink"]["depends_on"]


def test_the_broker_makes_no_topics_by_itself(compose):
    kafka = compose["services"]["kafka"]["environment"]
    assert kafka["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert kafka["KAFKA_PROCESS_ROLES"] == "broker,controller"


def test_every_named_volume_is_used(compose):
    used = {
        volume.split(":")[0]
        for service in compose["services"].values()
        for volume in service.get("volumes", [])
    }
    assert used == set(compose["volumes"])


def setting_names() -> set[str]:
    names = {"KAFKA_BOOTSTRAP_SERVERS", "CLICKHOUSE_URL", "SCHEMA_REGISTRY_URL"}
    for section, field in Settings.model_fields.items():
        inner = getattr(field.annotation, "model_fields", {})
        names |= {f"ADLOOM_{section}__{name}".upper() for name in inner}
    return names
