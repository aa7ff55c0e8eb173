"""State under one vocabulary, read under another: no weight with a home is lost."""

import json

import pytest

from tests.house import vocabularies as v
from tests.streams.kernels import needs_kernels

ERA = "tests.house.era"
WAYS = pytest.mark.parametrize(
    ("kernels", "what"),
    [
        ("python", "changelog"),
        pytest.param("auto", "changelog", marks=needs_kernels),
        pytest.param("auto", "snapshot", marks=needs_kernels),
    ],
)


def told(what, folder, kernels, vocabulary):
    text = v.run(
        ERA, what, str(folder), kernels, vocabulary=vocabulary, store=folder / "models"
    )
    return json.loads(text)


def begun(folder, kernels, what="changelog", vocabulary=None):
    folder.mkdir()
    store = folder / "models"
    v.run(ERA, "write", str(folder), kernels, vocabulary=vocabulary, store=store)
    return told(what, folder, kernels, vocabulary)


@WAYS
def test_grown_reordered_and_back_people_keep_every_weight(tmp_path, kernels, what):
    before = begun(tmp_path / "one", kernels, what)
    assert set(before["u0"]["weights"]) == {"running", "coffee", "wine", "tea"}
    assert before["u0"]["exposures"] == dict.fromkeys(
        ("search", "social", "video", "device"), 1.0
    )
    for vocabulary in (v.grown(), v.reordered(), v.with_a_surface()):
        after = told(what, tmp_path / "one", kernels, vocabulary)
        assert {one["vocabulary"] for one in after.values()} != {None}
        assert plain(after) == plain(before)
    begun(tmp_path / "two", kernels, what, v.grown())
    back = told(what, tmp_path / "two", kernels, None)
    assert {one["vocabulary"] for one in back.values()} == {None}
    assert plain(back) == plain(before)


@WAYS
def test_what_is_retired_goes_to_its_home_or_is_left_out(tmp_path, kernels, what):
    before = begun(tmp_path / "one", kernels, what)
    lost = told(what, tmp_path / "one", kernels, v.without("wine"))
    assert all("wine" not in one["weights"] for one in lost.values())
    for user, one in before.items():
        del one["weights"]["wine"]
        assert lost[user]["weights"] == one["weights"]
    home = told(what, tmp_path / "one", kernels, v.without("wine", 'wine = "coffee"'))
    moved = home["u0"]["weights"]["coffee"]
    assert moved > before["u0"]["weights"]["coffee"]
    assert home["u0"]["n_events"] == before["u0"]["n_events"]


@pytest.mark.parametrize("kernels", ["auto", "python"])
def test_a_vocabulary_that_nobody_kept_stops_the_worker_with_a_sentence(
    tmp_path, kernels
):
    begun(tmp_path / "one", kernels, vocabulary=v.grown())
    for kept in (tmp_path / "one" / "models" / "vocabularies").iterdir():
        kept.unlink()
    with pytest.raises(AssertionError, match="run `adloom vocabulary keep FILE`"):
        told("changelog", tmp_path / "one", kernels, None)


@pytest.mark.parametrize("way", ["auto", "python"])
def test_requests_remember_tastes_and_placements_by_name(tmp_path, way):
    folder = tmp_path / "one"
    folder.mkdir()

    def people(what, vocabulary):
        store = folder / "models"
        words = ("tests.house.requests_era", what, str(folder), way)
        return json.loads(v.run(*words, vocabulary=vocabulary, store=store))

    before = people("write", None)
    assert before["u0"]["vector"] == {"coffee": 9.0, "tea": 3.0}
    assert before["u0"]["places"]["video-end"] == {"coffee": 9.0, "tea": 3.0}
    for change in (v.grown(), v.reordered(), v.with_a_surface(), None):
        assert people("read", change) == before
    assert people("read", v.without_devices()) == before
    assert people("write", v.without_devices()) == before
    lost = people("read", v.without("tea", 'tea = "wine"'))
    assert lost["u0"]["vector"] == {"coffee": 9.0, "wine": 3.0}
    grown = people("write", v.grown())
    assert grown == before
    for change in (v.grown(), None, v.reordered(), v.with_a_surface()):
        assert people("read", change) == before


@pytest.mark.parametrize("way", ["auto", "python"])
def test_open_impressions_keep_their_surface_by_name(tmp_path, way):
    folder = tmp_path / "one"
    folder.mkdir()

    def surfaces(what, vocabulary):
        words = ("tests.house.attribution_era", what, str(folder), way)
        said = v.run(*words, vocabulary=vocabulary, store=folder / "models")
        return json.loads(said)

    seen = {"i0": "search", "i1": "video", "i2": "device", "i3": None}
    for before in (None, v.with_a_surface()):
        assert surfaces("write", before) == seen
        for after in (None, v.with_a_surface(), v.reordered()):
            assert surfaces("read", after) == seen
        assert surfaces("read", v.without_devices()) == seen | {"i2": None}


def plain(people):
    return {
        user: {name: part for name, part in one.items() if name != "vocabulary"}
        for user, one in people.items()
    }
