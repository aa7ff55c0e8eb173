"""The tables of the documentation are what the code says."""

import re

import pytest

from schemas.records import RECORDS
from streams.kafka.topics import TOPICS
from tests.docs.tables import DOCS, sections
from tests.docs.test_links import PAGES as TEXTS, ROOT


def test_every_topic_has_its_section_with_its_fields():
    text = (DOCS / "topics.md").read_text("utf-8")
    for topic in TOPICS:
        assert f"\n### {topic.name}\n" in text
    for record in RECORDS:
        assert f"<!-- fields: {record.__name__} -->" in text


def test_every_section_of_the_settings_has_its_table():
    text = (DOCS / "settings.md").read_text("utf-8")
    for section in ["top", *sections()]:
        assert f"<!-- settings: {section} -->" in text


def test_every_setting_says_what_it_means():
    text = (DOCS / "settings.md").read_text("utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert rows
    assert [row for row in rows if row.endswith("|  |")] == []


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_variables_that_a_page_names_exist(page):
    rows = [
        line
        for line in (DOCS / "settings.md").read_text("utf-8").splitlines()
        if line.startswith("| `")
    ]
    sources = [*ROOT.glob("streams/*.py"), *ROOT.glob("benchmarks/**/*.py")]
    known = variables("\n".join(rows)).union(
        *(variables(source.read_text("utf-8")) for source in sources)
    )
    assert variables(page.read_text("utf-8")) - known == set()


def variables(text):
    return set(re.findall(r"\bADLOOM_[A-Z_]*[A-Z]\b", text))
