"""Files of the commit before vocabularies are read, under today's and under others."""

import json
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest

from model_export.critic import file as critic_file
from model_export.space import conditioning
from model_export.space.design_space import DesignSpace
from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Creative, CreativeRequest, Preference
from schemas.vocabulary import Ids, bundled, deployed
from streams.admission.records import reason_to_reject
from streams.columns.vocabulary import translated_record
from streams.engine.snapshot_file import read_into
from streams.engine.stage import Section, rows_of
from streams.stages.creatives.inference import OnnxModel
from streams.stages.preferences.stage import Preferences
from tests.house import era
from tests.streams.kernels import needs_kernels

BEFORE = Path(__file__).parent / "before"


def expected():
    """Clicks and impressions of the two people, counted from the script's events."""
    weights = {user: {"coffee": 0, "wine": 0} for user in ("u0", "u1")}
    exposures = {user: [0] * 5 for user in ("u0", "u1")}
    for i in range(40):
        user = f"u{i % 2}"
        if i % 3:
            weights[user][era.LIKED[i % 3]] += 1
        else:
            exposures[user][i % 5] += 1
    return weights, exposures


def holds_what_was_written(rows):
    weights, exposures = expected()
    assert set(rows) == {"u0", "u1"}
    for user, record in rows.items():
        found = np.frombuffer(record.weights, "<f4").reshape(3, -1)
        for category, n in weights[user].items():
            column = deployed().column(category)
            assert found[:, column] == pytest.approx(n, rel=1e-3)
        assert found.sum() == pytest.approx(3 * sum(weights[user].values()), rel=1e-3)
        seen = np.frombuffer(record.exposures, "<f4")
        assert seen.tolist() == pytest.approx(exposures[user], rel=1e-3)
        assert record.n_events >= 20


@pytest.mark.parametrize("kernels", ["auto", "python"])
def test_the_changelog_is_read(kernels):
    content = (BEFORE / "preferences.records").read_bytes()
    stage = era.stage_of(kernels)
    stage.restore(rows_of([Section(0, content, 2)]))
    holds_what_was_written(written(stage))


@needs_kernels
def test_the_snapshot_is_read():
    stage = era.stage_of("auto")
    assert isinstance(stage, Preferences)
    read_into(stage, 0, BEFORE / "preferences.snapshot")
    holds_what_was_written(written(stage))


def written(stage):
    era.touch(stage)
    return {row.key: era.CODEC.decode(row.value) for row in stage.take_dirty()}


def test_messages_are_read():
    codec = Codec(CreativeRequest, LockedIds())
    request = codec.decode((BEFORE / "request.message").read_bytes())
    assert request.vocabulary is None
    assert reason_to_reject(request, request.requested_at) is None
    vector = np.frombuffer(translated_record(request).preferences, "<f4")
    assert vector[deployed().column("coffee")] == 9.0
    message = (BEFORE / "creative.message").read_bytes()
    assert Codec(Creative, LockedIds()).decode(message).user_id == "u1"


def test_the_model_serves_and_its_critic_is_read():
    told = json.loads((BEFORE / "told.json").read_text())
    files = {path.name: path.read_bytes() for path in (BEFORE / "model").iterdir()}
    model = OnnxModel("creative-gan", 1, "0" * 64, files)
    model.warm_up()
    people = [conditioning.from_bytes(b64decode(one)) for one in told["conditions"]]
    person = model.person(np.array(people))
    assert np.allclose(person, told["person"], atol=1e-4)
    space = DesignSpace(files["space.toml"].decode())
    known = critic_file.from_bytes(files["critic.safetensors"], space)
    assert known.taste.ids == bundled().ids
    assert known.critic.n_examples == told["n_examples"]
    features = known.taste.features(np.array(people))
    assert np.allclose(features, told["person"], atol=1e-2)


def test_conditions_of_before_move_to_another_vocabulary():
    told = json.loads((BEFORE / "told.json").read_text())
    people = np.array(
        [conditioning.from_bytes(b64decode(one)) for one in told["conditions"]]
    )
    ids = bundled().ids
    other = Ids(("new", *ids.categories[::-1]), ids.surfaces[::-1], ids.placements)
    moved = conditioning.moved(people, ids, other)
    assert np.array_equal(conditioning.moved(moved, other, ids), people)
    assert moved[:, 1:65].tolist() == people[:, 63::-1].tolist()


def test_a_condition_cut_short_is_refused():
    told = json.loads((BEFORE / "told.json").read_text())
    whole = b64decode(told["conditions"][0])
    for content in (whole[:-4], whole[:-3], whole + whole[:4]):
        with pytest.raises(ValueError, match="expected"):
            conditioning.from_bytes(content)


def test_a_preference_of_an_unknown_vocabulary_is_refused_with_what_to_do():
    rows = era.CODEC
    stage = era.stage_of("auto")
    content = (BEFORE / "preferences.records").read_bytes()
    stage.restore(rows_of([Section(0, content, 2)]))
    (record, *_) = written(stage).values()
    strange = Preference(
        **{n: getattr(record, n) for n in record.__slots__} | {"vocabulary": "0" * 12}
    )
    assert rows.decode(rows.encode(strange)) == strange
    reason = reason_to_reject(strange, era.NOW + 1_000)
    assert reason is not None
    assert "run `adloom vocabulary keep FILE`" in reason
