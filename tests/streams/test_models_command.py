"""`adloom models`: versions looked at, and moved live."""

import json

import numpy as np
import pytest
from kafka import KafkaConsumer

from model_export.store.registry import Registry
from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import ModelRelease
from streams.commands import model_tables
from streams.commands.models import Models
from streams.errors import ConfigurationError, StateError
from streams.settings import KafkaSettings, ModelSettings, Settings

NAME = "creative-gan"


@pytest.fixture
def store(tmp_path):
    """Return a registry of three versions; a gate refused the third."""
    registry = Registry(str(tmp_path))
    for number, passed in ((1, True), (2, True), (3, False)):
        draws = np.full(40, float(number), "<f4").tobytes()
        verdict = {
            "gate": "diversity",
            "result": "pass" if passed else "fail",
            "value": 0.4 if passed else 0.1,
            "threshold": 0.15,
            "detail": "difference within a pool",
        }
        card = {
            "kind": "gan",
            "parent_version": number - 1 or None,
            "created_at": 1_800_000_000_000 + number,
            "n_examples": 1_000 * number,
            "n_clicks": 30 * number,
            "passed": passed,
            "verdicts": [verdict],
        }
        registry.add(NAME, {"posterior.f32": draws}, card)
    registry.promote(NAME, 1, at=1, reason="first")
    return registry


@pytest.fixture
def models(tmp_path, store, local_broker, topic_prefix):
    settings = Settings(
        KAFKA_BOOTSTRAP_SERVERS=local_broker,
        kafka=KafkaSettings(topic_prefix=topic_prefix),
        model=ModelSettings(name=NAME, store=str(tmp_path)),
    )
    assert store.champion(NAME).version == 1
    return Models(settings)


def announced(local_broker, topic_prefix, n):
    """Return the first n releases on the topic."""
    consumer = KafkaConsumer(
        f"{topic_prefix}ads.model-release.v1",
        bootstrap_servers=local_broker,
        auto_offset_reset="earliest",
        consumer_timeout_ms=20_000,
    )
    codec = Codec(ModelRelease, LockedIds())
    found = []
    for record in consumer:
        found.append(codec.decode(record.value))
        if len(found) == n:
            break
    consumer.close()
    return found


def test_a_list_says_who_serves(models, capsys):
    rows = models.listed()
    assert [row["stage"] for row in rows] == ["champion", "candidate", "refused"]
    model_tables.print_list(rows, as_json=False)
    assert "champion" in capsys.readouterr().out
    model_tables.print_list(rows, as_json=True)
    assert json.loads(capsys.readouterr().out) == rows


def test_an_empty_list_says_where_versions_come_from(capsys):
    model_tables.print_list([], as_json=False)
    said = capsys.readouterr()
    assert (said.out, "adloom up" in said.err) == ("", True)


def test_a_card_has_its_lineage(models, capsys):
    card = models.shown(3)
    assert card["lineage"] == [3, 2, 1]
    model_tables.print_card(card, as_json=False)
    assert "diversity" in capsys.readouterr().out
    with pytest.raises(StateError, match="9"):
        models.shown(9)


def test_a_difference_names_fields_gates_files_and_how_far_the_critic_moved(models):
    found = {one.what: (one.before, one.after) for one in models.differences(2, 3)}
    assert found["n_examples"] == (2_000, 3_000)
    assert found["gate diversity"] == ("pass", "fail")
    assert found["critic's weights, relative change"] == (0.0, pytest.approx(0.5))
    assert "posterior.f32" in found
    assert models.differences(2, 2) == []


def test_a_promotion_is_logged_once_and_announced_each_time(
    models, store, local_broker, topic_prefix
):
    assert models.promote(2, "better").number == 2
    assert models.promote(2, "again") is None  # as after a kill before the announcement
    assert models.roll_back("worse").version == 1
    assert [entry.version for entry in store.log(NAME)] == [1, 2, 1]
    releases = announced(local_broker, topic_prefix, 3)
    assert [one.champion_version for one in releases] == [2, 2, 1]
    assert {one.stage for one in releases} == {"champion"}
    assert releases[0].champion_sha256 == store.find(NAME, 2).sha256


def test_what_must_not_serve_is_refused(models, store):
    with pytest.raises(StateError, match="a gate refused it"):
        models.promote(3, "please")
    with pytest.raises(StateError, match="no champion before"):
        models.roll_back("please")
    assert store.champion(NAME).version == 1


def test_without_a_broker_nothing_is_written(tmp_path, store):
    settings = Settings(
        KAFKA_BOOTSTRAP_SERVERS="", model=ModelSettings(name=NAME, store=str(tmp_path))
    )
    with pytest.raises(ConfigurationError):
        Models(settings).promote(2, "better")
    assert len(store.log(NAME)) == 1
