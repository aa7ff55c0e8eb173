"""Releases whose models choose what is not drawn here are not followed."""

import asyncio
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from model_export.space import design_space
from model_export.space.design_space import DesignSpace
from model_export.space.drawings import bundled
from model_export.store.champion import in_force
from model_export.store.registry import Registry
from streams.errors import StateError
from streams.settings import ModelSettings, Settings
from streams.stages.creatives.arms import Arms
from streams.stages.creatives.model_follower import ModelFollower
from tests.house.test_new_attribute_value import NEW
from tests.small_models import add_untaught

pytest.importorskip("torch", reason="making models: extra [train] is missing")

NAME = "small"
OWN = """
name = "own"
[categorical]
palette = ["ocean", "espresso"]
[continuous]
x = [0, 1]
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """One version of the bundled space, then one with a palette of its own."""
    folder = str(tmp_path_factory.mktemp("models"))
    add_untaught(Registry(folder), NAME, design_space.load())
    add_untaught(Registry(folder), NAME, DesignSpace(OWN + NEW["palette"]))
    return folder


def release(store, number):
    return in_force(Registry(store).find(NAME, number), at=0)


def following(store, drawings):
    arms = Arms(control_share=0.0)
    settings = Settings(model=ModelSettings(name=NAME, store=store))
    return arms, ModelFollower(settings, arms, drawings)


def test_a_model_that_chooses_what_is_not_drawn_here_is_not_followed(store):
    arms, follower = following(store, bundled())
    with capture_logs() as logs:
        asyncio.run(follower._follow(release(store, 2)))
    (said,) = [one["why"] for one in logs if one["event"] == "release not followed"]
    assert f"{NAME} version 2 chooses palette = 'espresso' (and 0 more)" in said
    assert "which the space of `model.space` does not draw" in said
    assert not follower.ready.is_set()
    with pytest.raises(StateError, match="no champion yet"):
        arms.of(["u1"])


def test_the_model_in_use_keeps_serving(store):
    arms, follower = following(store, bundled())
    asyncio.run(follower._follow(release(store, 1)))
    asyncio.run(follower._follow(release(store, 2)))
    assert [arm.version for arm in arms.of(["u1"])] == [1]
    shadow = replace(release(store, 2), stage="shadow", champion_version=1)
    first = replace(shadow, champion_sha256=release(store, 1).sha256)
    asyncio.run(follower._follow(first))
    assert [arm.shadow for arm in arms.of(["u1"])] == [None]


def test_it_is_followed_where_its_values_are_drawn(store):
    drawings = DesignSpace(OWN + NEW["palette"]).drawings
    arms, follower = following(store, drawings)
    asyncio.run(follower._follow(release(store, 2)))
    assert follower.ready.is_set()
    assert [arm.version for arm in arms.of(["u1"])] == [2]
