"""A model of one vocabulary serves under another, and learns from its feedback."""

import json

import numpy as np
import pytest

from tests.house import vocabularies as v

pytest.importorskip("torch", reason="training: extra [train] is missing")

ERA = "tests.house.model_era"


def told(folder, vocabulary):
    store = folder / "models"
    return json.loads(
        v.run(ERA, "read", str(folder), vocabulary=vocabulary, store=store)
    )


@pytest.fixture(scope="module", params=[None, "grown"], ids=["bundled", "grown"])
def made(request, tmp_path_factory):
    """A folder of a model and people, and what its own vocabulary says of them."""
    folder = tmp_path_factory.mktemp("made")
    text = v.grown() if request.param else None
    v.run(ERA, "write", str(folder), vocabulary=text, store=folder / "models")
    return folder, told(folder, text)


@pytest.mark.parametrize("change", [v.grown, v.reordered, v.with_a_surface, str])
def test_people_are_the_same_to_a_model_under_any_vocabulary(made, change):
    folder, before = made
    after = told(folder, change() or None)
    for name in ("person", "online", "numpy"):
        assert after[name] == before[name], name
    assert np.allclose(after["logits"], before["logits"], atol=1e-6)
    assert np.allclose(after["generated"], before["generated"], atol=1e-6)
    assert after["gained"] == before["gained"] == 400


def test_a_new_surface_is_learnt_by_the_next_version(made):
    folder, before = made
    after = told(folder, v.with_a_surface())
    assert before["surfaces"] == ["search", "social", "video", "device"]
    assert after["surfaces"] == ["search", "kiosk", "social", "video", "device"]


def test_events_of_a_retired_category_are_as_if_they_had_not_been(made):
    folder, before = made
    after = told(folder, v.without("wine"))
    person, was = np.array(after["person"]), np.array(before["person"])
    likes_wine = np.arange(24) % 3 == 2
    assert np.allclose(person[~likes_wine], was[~likes_wine], atol=1e-6)
    assert not np.allclose(person[likes_wine], was[likes_wine], atol=1e-2)
    assert np.allclose(after["numpy"], after["person"], atol=1e-3)
    assert np.isfinite(person).all()
