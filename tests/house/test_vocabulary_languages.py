"""A language that ads cannot be in yet is told of at start, and not served silently."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from model_export.space.drawing_rules import LANGUAGES
from schemas.vocabulary import BUNDLED_FILE, parse
from streams.errors import ConfigurationError
from streams.rendering.brand import SAID_IN, unspoken
from streams.stages.creatives.arms import Arm
from streams.stages.creatives.explanation import Explainer
from tests.conftest import ROOT
from tests.house.test_vocabulary_file import SMALL

GERMAN = SMALL.replace(
    '[[surface]]\nid = "search"',
    '[[language]]\nid = "de"\nname = "Deutsch"\n[[surface]]\nid = "search"',
)
for english, german in (("Food", "Essen"), ("Coffee", "Kaffee"), ("Tea", "Tee")):
    GERMAN = GERMAN.replace(f'en = "{english}"', f'en = "{english}"\nde = "{german}"')


def test_each_language_that_is_not_spoken_is_named_with_the_files_that_lack_it():
    (why,) = unspoken(parse(GERMAN), Path("own.toml"))
    assert why.startswith("own.toml: ads are not in 'de' yet")
    assert [file for file in SAID_IN if file not in why] == []
    assert unspoken(parse(SMALL), Path("own.toml")) == []


@pytest.mark.parametrize("file", SAID_IN)
def test_the_files_named_have_the_words_of_every_language_that_is_spoken(file):
    text = (ROOT / file).read_text("utf-8")
    assert [one for one in LANGUAGES if one not in text] == []


def test_a_vocabulary_without_english_is_refused():
    swedish = SMALL.replace('id = "en"', 'id = "sv"').replace("\nen = ", "\nsv = ")
    with pytest.raises(ConfigurationError, match=r"own.toml: no \[\[language\]\]"):
        unspoken(parse(swedish), Path("own.toml"))


STARTS = """
from streams.rendering.brand import space_of
from streams.rendering.wording import words_for
space_of(None)
print(words_for("running").title)
"""


def test_a_process_warns_when_it_loads_its_space(tmp_path):
    german = '[[language]]\nid = "de"\nname = "Deutsch"\n\n[[surface]]'
    text = BUNDLED_FILE.read_text("utf-8").replace("[[surface]]", german, 1)
    path = tmp_path / "own.toml"
    path.write_text(re.sub(r"(?m)^en = (.*)$", r"en = \1\nde = \1", text), "utf-8")
    ended = subprocess.run(
        [sys.executable, "-c", STARTS],
        cwd=ROOT,
        env={**os.environ, "ADLOOM_VOCABULARY": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    said = ended.stdout + ended.stderr
    assert "language not spoken" in said
    assert f"{path}: ads are not in 'de' yet" in said
    assert "Running" in said


def test_the_command_that_checks_a_file_warns_and_accepts(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(GERMAN)
    ended = subprocess.run(
        [sys.executable, "-m", "streams", "vocabulary", "check", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, "")
    assert "ads are not in 'de' yet" in ended.stderr


def test_a_vocabulary_in_english_alone_explains_in_english():
    explainer = Explainer(parse(SMALL))
    assert explainer.sentence((Arm("champion").name, "zh", 1)).endswith("Tea.")
