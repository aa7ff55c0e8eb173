"""The glossary has the words that the contracts use, and names things that exist."""

import re

from schemas.vocabulary import bundled
from streams.kafka import topics
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "glossary.md").read_text("utf-8")
TERMS = re.findall(r"^\| ([^|]+?) \|", PAGE, re.MULTILINE)


def test_terms_are_sorted_and_unique_in_each_table():
    for table in PAGE.split("\n## ")[1:]:
        terms = re.findall(r"^\| ([^|]+?) \|", table, re.MULTILINE)[2:]
        assert terms == sorted(set(terms), key=str.casefold)


def test_every_topic_that_it_names_exists():
    named = set(re.findall(r"`(ads\.[a-z0-9.-]+)`", PAGE))
    assert named
    assert named <= {topic.name for topic in topics.TOPICS}


def test_it_explains_arms_stages_of_a_release_and_surfaces():
    for term in ("arm", "champion", "canary", "control", "shadow", "surface"):
        assert term in TERMS
    surface = next(line for line in PAGE.splitlines() if line.startswith("| surface |"))
    for name in bundled().surfaces:
        assert name in surface
