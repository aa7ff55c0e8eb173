"""A vocabulary file: what it says, its digest, and every mistake with its line."""

import json
import subprocess
import sys

import numpy as np
import pytest

from schemas.vocabulary import (
    BUNDLED_FILE,
    Ids,
    VocabularyError,
    bundled,
    mapped,
    parse,
    read,
)

TEXT = BUNDLED_FILE.read_text("utf-8")

SMALL = """\
format = 1
[[language]]
id = "en"
name = "English"
[[surface]]
id = "search"
name = "Search"
[[size]]
id = "card"
width_px = 300
height_px = 250
surfaces = ["search"]
[[placement]]
id = "top"
surface = "search"
[[group]]
id = "food"
en = "Food"
[[category]]
id = "coffee"
parent = "food"
en = "Coffee"
[[category]]
id = "tea"
parent = "coffee"
en = "Tea"
[maps]
kaffee = "coffee"
"""


def mistakes_of(text):
    with pytest.raises(VocabularyError) as caught:
        parse(text, "v.toml")
    return str(caught.value).splitlines()


def test_the_digest_of_no_digest_is_that_of_the_first_bundled_vocabulary():
    """Stored vectors without a digest mean these ids: keep them when others come."""
    assert bundled().digest == "ada9e229fb31"
    assert len(bundled().categories) == 64


def test_a_small_file_says_what_it_says():
    found = parse(SMALL)
    assert found.categories == ("coffee", "tea")
    assert list(found.lineage("tea")) == ["coffee", "food"]
    assert (found.column("tea"), found.column("kaffee"), found.column("x")) == (
        1,
        0,
        None,
    )
    assert found.placements["top"].surface == "search"


def test_the_digest_is_of_ids_in_order_alone():
    assert parse(SMALL.replace('"Coffee"', '"Kaffee"')).digest == parse(SMALL).digest
    turned = SMALL.replace('id = "tea"', 'id = "chai"')
    assert parse(turned).digest != parse(SMALL).digest
    ids = parse(SMALL).ids
    assert Ids.from_json(ids.to_json()) == ids
    other = Ids(ids.categories[::-1], ids.surfaces, ids.placements)
    assert other.digest != ids.digest


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ('id = "tea"', 'id = "coffee"', 24, "is taken already, on line 20"),
        ('parent = "food"', 'parent = "fod"', 21, "'fod' is unknown; known: food"),
        ('parent = "food"', 'parent = "tea"', 21, "is its own ancestor"),
        ('en = "Tea"\n', "", 23, "expected a text, got None"),
        ('surfaces = ["search"]', "surfaces = []", 12, "expected some surfaces"),
        ('surfaces = ["search"]', 'surfaces = ["x"]', 6, "has no [[size]]"),
        ('surface = "search"', 'surface = "serch"', 15, "known: search"),
        ("width_px = 300", "width_px = 0", 10, "expected 1 to 4096 px, got 0"),
        ("width_px", "width", 10, "width: unknown; expected"),
        ('id = "search"\n', 'id = "in-feed"\n', 6, "as Avro enums have it"),
        ('kaffee = "coffee"', 'kaffee = "cofee"', 28, "is not a category of this"),
        ('kaffee = "coffee"', 'tea = "coffee"', 28, "is a category itself"),
        ("format = 1", "format = 2", 1, "format: expected 1, got 2"),
        ("[maps]", "[mapps]", 27, "mapps: unknown; expected one of format"),
    ],
)
def test_a_mistake_is_told_with_its_line(old, new, line, said):
    found = mistakes_of(SMALL.replace(old, new, 1))
    assert any(one.startswith(f"v.toml:{line}: ") and said in one for one in found), (
        found
    )


def test_all_mistakes_are_told_at_once_in_their_order():
    broken = SMALL.replace('id = "food"', 'id = "foo"').replace("width_px = 300\n", "")
    broken = broken.replace('id = "tea"', 'id = "a tea"')
    found = mistakes_of(broken)
    lines = [int(one.split(":")[1]) for one in found]
    assert lines == sorted(lines)
    assert len(lines) >= 3


def test_text_that_is_no_toml_says_where():
    assert "line 2" in mistakes_of("format = 1\nlanguage = \n")[0]


def test_a_file_that_is_not_there_is_an_error_of_one_sentence(tmp_path):
    with pytest.raises(VocabularyError, match="cannot be read"):
        read(tmp_path / "none.toml")


def test_an_unknown_category_comes_with_the_closest_ones():
    with pytest.raises(ValueError, match="the closest are running"):
        bundled().known("runing")
    assert parse(SMALL).known("kaffee") == "coffee"


def test_mapping_keeps_every_weight_that_has_a_home():
    vectors = np.arange(6, dtype=np.float32).reshape(2, 3)
    new = mapped(vectors, ("a", "b", "c"), ("c", "x", "a"), {"b": "a"})
    assert new.tolist() == [[2, 0, 1], [5, 0, 7]]
    assert mapped(vectors, ("a", "b", "c"), ("c",)).tolist() == [[2], [5]]


def adloom(*words, **environment):
    return subprocess.run(
        [sys.executable, "-m", "streams", *words],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "", **environment},
        timeout=60,
    )


def test_the_command_checks_and_shows(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(SMALL.replace('id = "food"', 'id = "foo"'), "utf-8")
    checked = adloom("vocabulary", "check", str(path))
    assert checked.returncode == 1
    assert f"{path}:21: category coffee: parent: 'food'" in checked.stdout
    path.write_text(SMALL, "utf-8")
    assert adloom("vocabulary", "check", str(path)).returncode == 0
    shown = adloom("vocabulary", "show", "--json", ADLOOM_VOCABULARY=str(path))
    assert json.loads(shown.stdout)["digest"] == parse(SMALL).digest


def test_a_wrong_file_of_the_deployment_ends_a_process_with_its_lines(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(SMALL.replace("format = 1", "format = 9"), "utf-8")
    ended = adloom("vocabulary", "show", ADLOOM_VOCABULARY=str(path))
    assert ended.returncode == 2
    assert ended.stderr == f"adloom: {path}:1: format: expected 1, got 9\n"


def test_the_store_keeps_what_a_digest_stands_for(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(SMALL, "utf-8")
    store = tmp_path / "models"
    kept = adloom("vocabulary", "keep", str(path), ADLOOM_MODEL__STORE=str(store))
    assert kept.stdout == f"kept {parse(SMALL).digest}\n", kept.stderr
    (file,) = store.glob("vocabularies/*.json")
    assert Ids.from_json(file.read_text("utf-8")) == parse(SMALL).ids
