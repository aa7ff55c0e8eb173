"""A new entry of the vocabulary is one file to touch: all else follows from it."""

import json

import pytest

from tests.house import vocabularies as v


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What a process says whose file has chess, and a kiosk with a placement."""
    store = tmp_path_factory.mktemp("drill")
    text = v.with_a_surface(v.grown())
    words = ("tests.house.drills", "chess", "kiosk")
    return json.loads(v.run(*words, vocabulary=text, store=store))


def test_a_new_category_is_matched_in_texts_and_said_in_ads(told):
    assert (told["column"], told["matched"]) == (0, ["chess"])
    assert "chess" in told["body"].lower()


def test_a_new_surface_travels_and_gets_the_cards_of_its_sizes(told):
    assert told["encoded"] == ["kiosk", "kiosk"]
    assert told["assets"] == ["card-728x90.svg", "card-728x90.html", "native.json"]


def test_a_new_placement_is_filled(told):
    assert told["shown"]["kiosk-screen"] == "kiosk"
    assert told["shown"]["feed-card"] == "social"


def test_the_file_says_what_a_new_entry_still_lacks():
    from schemas.vocabulary import VocabularyError, parse  # noqa: PLC0415

    lacking = v.TEXT + '\n[[surface]]\nid = "kiosk"\n[[category]]\nid = "chess"\n'
    with pytest.raises(VocabularyError) as caught:
        parse(lacking)
    said = str(caught.value)
    for needed in (
        "surface kiosk: name: expected a text",
        "surface kiosk: id: has no [[size]]",
        "surface kiosk: id: has no [[placement]]",
        "category chess: en: expected a text",
        "category chess: zh: expected a text",
    ):
        assert needed in said
