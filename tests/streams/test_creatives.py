"""Requests become creatives, with the real generator, critic and renderer."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import (
    HealthCheck,
    given,
    settings as hypothesis_settings,
    strategies as st,
)

from model_export.space.style import style_of
from model_export.store.registry import Registry
from schemas.avro import MAX_BYTES, Codec
from schemas.lock import LockedIds
from schemas.preference_vector import to_bytes
from schemas.records import Creative, CreativeRequest, ModelRelease, Preference
from schemas.vocabulary import deployed
from streams.columns.ids import derived_id, derived_seed
from streams.engine.stage import Incoming
from streams.errors import StateError
from streams.rendering.renderer import Renderer
from streams.settings import CreativesSettings
from streams.stages.creatives.arms import Arms
from streams.stages.creatives.hard_rules import TIRED
from streams.stages.creatives.inference import load
from streams.stages.creatives.messages import CreativeMessages
from streams.stages.creatives.picking import Picker
from streams.stages.creatives.regeneration import regenerate
from streams.stages.creatives.stage import Creatives
from tests.good_records import good

NOW = 1_800_000_000_000
SETTINGS = CreativesSettings()
CODEC = Codec(Creative, LockedIds())


@pytest.fixture(scope="module", params=["creative-gan", "creative-vae"])
def model(request, tmp_path_factory):
    pytest.importorskip("torch", reason="pre-training: extra [train] is missing")
    store = tmp_path_factory.mktemp("models")
    command = f"pretrain --store {store} --model {request.param}"
    subprocess.run(
        [sys.executable, "-m", "model_export", *command.split()],
        check=True,
        capture_output=True,
    )
    champion = Registry(str(store)).champion(request.param)
    return load(Registry(str(store)), request.param, champion.version, champion.sha256)


@pytest.fixture
def stage(model):
    return stage_of(model)


def stage_of(model, released="champion", **settings):
    """Return a stage on which a release of the model, by itself, is in force."""
    chosen = CreativesSettings(**settings)
    arms = Arms(chosen.control_share)
    arms.follow(
        ModelRelease(
            model_name=model.name,
            version=model.version,
            sha256=model.sha256,
            stage=released,
            canary_share=0.5,
            champion_version=model.version,
            champion_sha256=model.sha256,
            verdicts=(),
            released_at=0,
        ),
        {model.version: model},
    )
    messages = CreativeMessages(
        CODEC.frame,
        model.space,
        deployed(),
        Renderer(),
        n_candidates=chosen.candidates,
        with_assets=chosen.assets == "inline",
    )
    picker = Picker(chosen, model.space)
    return Creatives(chosen, deployed(), arms, picker, messages)


def ask(number, *, likes="running", **changes):
    vector = np.zeros(len(deployed().categories), np.float32)
    if likes:
        vector[deployed().column(likes)] = 1.0
    placement = list(deployed().placements.values())[number % 4]
    fields = {
        "request_id": f"r{number}",
        "user_id": f"u{number}",
        "reason": "new_user",
        "placement": placement.name,
        "surface": placement.surface,
        "language": ("en", "zh")[number % 2],
        "preferences": to_bytes(vector),
        "requested_at": NOW,
        "deadline_at": NOW + 1_000,
    } | changes
    value = CreativeRequest(**fields)
    return Incoming(CreativeRequest, value.user_id, value, 0, number)


def messages(stage, requests):
    return [out.value for out in stage.step(requests, NOW)]


def answers(stage, requests):
    return [CODEC.decode(message) for message in messages(stage, requests)]


@pytest.mark.parametrize("assets", ["inline", "on_demand"])
def test_every_request_is_answered_as_the_codec_writes_it(model, assets):
    stage = stage_of(model, assets=assets)
    written = messages(stage, [ask(i) for i in range(100)])
    creatives = [CODEC.decode(message) for message in written]
    assert [c.request_id for c in creatives] == [f"r{i}" for i in range(100)]
    assert [c.user_id for c in creatives] == [f"u{i}" for i in range(100)]
    for message, creative in zip(written, creatives, strict=True):
        assert len(message) < MAX_BYTES
        assert CODEC.encode(creative) == message
        assert bool(creative.assets) == (assets == "inline")
        assert (creative.created_at, creative.expires_at) == (NOW, NOW + 3_600_000)
        receipt = creative.receipt
        digest = receipt.model_sha256
        assert creative.creative_id == derived_id(
            "creative", creative.request_id, digest
        )
        assert receipt.seed == derived_seed("candidates", creative.request_id, digest)
        assert creative.copy == Renderer().copy(
            creative.design, creative.category, creative.language
        )
        assert (receipt.score is None) == (receipt.arm == "control")
        assert set(receipt.rejections) <= set(model.space.rule_names)
        assert bool(receipt.rejections) == bool(receipt.n_rejected)
        assert creative.receipt.ai_generated
        assert 0 < creative.receipt.propensity <= 1


def test_a_creative_is_regenerated_from_its_receipt_byte_for_byte(stage, model):
    picker = Picker(SETTINGS, model.space)
    for message in messages(stage, [ask(i) for i in range(200)]):
        creative = CODEC.decode(message)
        used = None if creative.receipt.arm == "control" else model
        again = regenerate(creative, used, picker, Renderer(), deployed())
        assert CODEC.encode(again) == message


def test_no_creative_has_a_style_that_its_request_names(stage, model):
    """Everybody is tired of the style that they were shown; they get another one."""
    first = [CODEC.decode(m) for m in messages(stage, [ask(i) for i in range(200)])]
    styles = [style_of(creative.design.categorical) for creative in first]
    again = [ask(i, request_id=f"again{i}", tired_of=styles[i]) for i in range(200)]
    picker = Picker(SETTINGS, model.space)
    rejected = set()
    for message, style in zip(messages(stage, again), styles, strict=True):
        creative = CODEC.decode(message)
        assert CODEC.encode(creative) == message
        assert creative.receipt.tired_of == style
        assert style_of(creative.design.categorical) != style
        rejected |= {*creative.receipt.rejections}
        used = None if creative.receipt.arm == "control" else model
        same = regenerate(creative, used, picker, Renderer(), deployed())
        assert CODEC.encode(same) == message
    assert TIRED in rejected


@hypothesis_settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    numbers=st.lists(st.integers(0, 10**6), min_size=2, max_size=60, unique=True),
    released=st.sampled_from(["champion", "canary", "shadow"]),
    settings=st.fixed_dictionaries(
        {
            "candidates": st.sampled_from([2, 5, 16, 40, 256]),
            "batch": st.sampled_from([1, 7, 256]),
        }
    ),
)
def test_a_creative_does_not_depend_on_who_shared_its_micro_batch(
    model, numbers, released, settings
):
    likes = (None, "coffee", "wine", "insurance")
    requests = [ask(n, likes=likes[n // 4 % 4]) for n in numbers]
    together = messages(stage_of(model, released, **settings), requests)
    alone = [
        message
        for request in requests
        for message in messages(stage_of(model, released, **settings), [request])
    ]
    assert together == alone


def test_assets_left_to_the_ad_server_change_nothing_else(model):
    requests = [ask(i) for i in range(40)]
    inline = answers(stage_of(model, assets="inline"), requests)
    bare = answers(stage_of(model, assets="on_demand"), requests)
    assert all(creative.assets for creative in inline)
    assert bare == [replace(creative, assets=()) for creative in inline]
    picker = Picker(SETTINGS, model.space)
    for creative in bare:
        used = None if creative.receipt.arm == "control" else model
        again = regenerate(creative, used, picker, Renderer(), deployed())
        assert again == creative


def test_who_likes_nothing_known_sees_any_category_and_who_likes_one_sees_that(stage):
    anything = answers(stage, [ask(i, likes=None) for i in range(1_000)])
    assert len({creative.category for creative in anything}) == len(
        deployed().categories
    )
    half = np.zeros(len(deployed().categories), np.float32)
    half[[deployed().column("coffee"), deployed().column("wine")]] = 3.0, 1.0
    mixed = [
        ask(i, preferences=to_bytes(half), request_id=f"mixed{i}") for i in range(1_000)
    ]
    shown = [creative.category for creative in answers(stage, mixed)]
    assert set(shown) == {"coffee", "wine"}
    assert shown.count("coffee") == pytest.approx(750, abs=70)


def test_a_repeated_request_is_answered_once_and_a_late_one_not_at_all(stage):
    late = ask(2, deadline_at=NOW - 1)
    assert len(answers(stage, [ask(1), ask(1), late])) == 1
    assert answers(stage, [ask(1)]) == []
    assert stage.n_expired == 1


def test_the_partition_follows_the_user_and_the_key_the_placement(stage):
    (out,) = stage.step([ask(3)], NOW)
    assert out.key == "u3|speaker"
    assert out.partition_key == "u3"


def test_latest_preferences_fill_a_request_that_brings_none(stage):
    weights = np.zeros((2, len(deployed().categories)), "<f4")
    weights[:, deployed().column("coffee")] = 2.0
    preference = good(Preference, user_id="u7", weights=weights.tobytes())
    told = Incoming(Preference, "u7", preference, 0, 0)
    forgotten = Incoming(Preference, "u7", None, 0, 1)
    (personal,) = answers(stage, [told, ask(7, preferences=None)])
    assert personal.category == "coffee"
    (contextual,) = answers(
        stage, [forgotten, ask(7, preferences=None, request_id="again")]
    )
    n_categories = len(deployed().categories)
    assert not np.frombuffer(contextual.receipt.condition, "<f4")[:n_categories].any()


def test_what_is_liked_is_what_is_advertised_and_named(stage):
    for creative in answers(stage, [ask(i, likes="coffee") for i in range(40)]):
        assert creative.category == "coffee"
        if creative.receipt.arm != "control":
            name = {"en": "Coffee", "zh": "咖啡"}[creative.language]
            assert name in creative.receipt.explanation


def test_a_model_with_another_digest_is_refused(model, tmp_path):
    registry = Registry(str(tmp_path))
    with pytest.raises(StateError, match="cannot be served"):
        load(registry, model.name, 1, "0" * 64)
