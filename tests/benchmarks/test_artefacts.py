import json
import re

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


def test_a_row_says_what_an_earlier_day_gave(tmp_path):
    machine = artefacts.machine_name()
    for day, value in (("2026-01-01", 5.0), ("2026-02-03", 7.0)):
        found = row("sink", "rows/s", [value])
        file = artefacts.write([("sink", found)], "adloom bench sink", tmp_path)
        file.rename(file.with_name(f"{day}.json"))
    (kept,) = artefacts.newest(machine, tmp_path).values()
    assert (kept["value"], kept["before"]["value"]) == (7.0, 5.0)
    assert kept["before"]["date"] == "2026-01-01"


def test_a_page_holds_the_rows_of_its_figures_and_no_others(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "RESULTS", tmp_path)
    rows = [
        ("sink", row("rows in", "rows/s", [450_000.0])),
        ("memory", row("bytes a user", "bytes", [384.0])),
    ]
    artefacts.write(rows, "adloom bench", tmp_path)
    page = "before\n<!-- figures: sink -->\nold\n<!-- end -->\nafter"
    text = pages.rewritten(page, "performance")
    assert "| rows in | 450,000 rows/s |" in text
    assert "bytes a user" not in text
    assert "old" not in text
    assert text.startswith("before\n")
    assert text.endswith("<!-- end -->\nafter")
    assert pages.rewritten(text, "performance") == text


def test_the_pages_are_what_the_artefacts_say(capsys):
    assert pages.main([]) == 0, capsys.readouterr().err


NO_FIGURES = {
    "name | what | limit",
    "peer | needs | configuration",
    "method | what",
    "kind of world | what",
    "written under `--out` | what",
    "| GAN | VAE",
}
"""Heads of tables that describe; limits are asked for, not measured."""


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: page.stem)
def test_no_table_of_figures_is_without_an_artefact(page):
    rest = pages.outside_of_blocks(page.read_text("utf-8"))
    for table in re.findall(r"(?:^\|.*\n?)+", rest, re.MULTILINE):
        head = table.splitlines()[0].strip("| ")
        assert head in {one.strip("| ") for one in NO_FIGURES}, (
            f"{page.name}: expected figures between marks, made by `adloom bench docs "
            f"--write` of benchmarks/results; came a table of its own: {head}"
        )


def test_a_table_that_was_typed_off_says_so_and_of_what():
    for file in (artefacts.RESULTS / "tables").iterdir():
        said = json.loads(file.read_text("utf-8"))
        assert said["source"] == "transcribed"
        assert re.search(r"docs/\w+\.md at [0-9a-f]{7}, ", said["from"])
        for table in said["tables"].values():
            origin = table.get("from", said["from"])
            assert re.search(r" at [0-9a-f]{7}, \d+ \w+ \d{4}", origin)


@pytest.mark.parametrize(
    ("options", "is_trial"),
    [({}, False), ({"scale": 0.01}, True), ({"n_events": 300_000}, True)],
)
def test_trials_are_told_from_figures(options, is_trial):
    assert Options(**options).is_trial is is_trial
