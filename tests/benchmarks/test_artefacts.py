import json

import pytest

from benchmarks import artefacts, pages
from benchmarks.figures import row
from benchmarks.session import Options


def test_rows_are_kept_with_commit_code_and_command(tmp_path):
    found = row("preferences", "events/s", [1.0, 3.0, 2.0])
    file = artefacts.write([("preferences", found)], "adloom bench", tmp_path)
    said = json.loads(file.read_text("utf-8"))
    assert file.parent.name == artefacts.machine_name()
    assert said["source"] == "measured"
    (kept,) = said["rows"]
    assert (kept["value"], kept["low"], kept["high"]) == (2.0, 1.0, 3.0)
    assert kept["figure"] == "preferences"
    assert kept["command"] == "adloom bench"
    assert len(kept["code"]) == 12
    assert kept["commit"] != "unknown"


def test_a_row_that_is_measured_again_takes_the_place_of_the_old_one(tmp_path):
    for value in (1.0, 2.0):
        found = row("sink", "rows/s", [value])
        artefacts.write([("sink", found)], "adloom bench sink", tmp_path)
    newest = artefacts.newest(artefacts.machine_name(), tmp_path)
    assert [one["value"] for one in newest.values()] == [2.0]


def test_a_page_holds_the_rows_of_its_figures_and_no_others(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "RESULTS", tmp_path)
    monkeypatch.setattr(pages, "newest", lambda name: artefacts.newest(name, tmp_path))
    rows = [
        ("sink", row("rows in", "rows/s", [450_000.0])),
        ("memory", row("bytes a user", "bytes", [384.0])),
    ]
    artefacts.write(rows, "adloom bench", tmp_path)
    page = "before\n<!-- figures: sink -->\nold\n<!-- end -->\nafter"
    text = pages.rewritten(page)
    assert "| rows in | 450,000 rows/s |" in text
    assert "bytes a user" not in text
    assert "old" not in text
    assert text.startswith("before\n")
    assert text.endswith("<!-- end -->\nafter")
    assert pages.rewritten(text) == text


def test_the_pages_are_what_the_artefacts_say(capsys):
    assert pages.main([]) == 0, capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "is_trial"),
    [({}, False), ({"scale": 0.01}, True), ({"n_events": 300_000}, True)],
)
def test_trials_are_told_from_figures(options, is_trial):
    assert Options(**options).is_trial is is_trial
