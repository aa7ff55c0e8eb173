"""The gallery page: whole, honest, and nothing that runs or fetches."""

import re
from pathlib import Path

import pytest

from streams.demo.gallery import page as gallery
from streams.demo.gallery.page import gallery_page, write_gallery
from streams.rendering.colour import READABLE, contrast_ratio
from tests.streams.gallery_samples import REPORT, items

CSS = Path(gallery.__file__).with_name("gallery.css").read_text("utf-8")


@pytest.fixture(scope="module")
def page():
    return gallery_page(items(16, seed=2), REPORT)


def test_the_page_shows_for_whom_each_creative_was_made_and_why(page):
    for item in items(16, seed=2):
        assert item.explanation in page
        assert f'title="{item.user_id}"' in page
        assert f"{item.propensity:.3f}" in page
        assert f"{item.model_name} v{item.model_version}" in page
    assert page.count('class="made"') == 16


def test_the_same_items_give_the_same_bytes():
    assert gallery_page(items(4, seed=3), REPORT) == gallery_page(
        items(4, seed=3), REPORT
    )


def test_creatives_without_stored_assets_are_shown_all_the_same(page):
    bare = gallery_page(items(16, seed=2, assets=()), REPORT)
    assert bare.count('class="made"') == 16
    assert re.findall("<svg.*?</svg>", bare) == re.findall("<svg.*?</svg>", page)


def test_the_page_runs_nothing_and_fetches_nothing(page):
    assert "script-src 'none'" in page
    assert not re.search(r"<(script|iframe|img|link|object|embed|video|audio)\b", page)
    assert not re.search(r"\son\w+\s*=", page)
    assert set(re.findall(r'(?:href|src)="([^"]*)"', page)) <= {"#all-title"} | set(
        re.findall(r'href="(#[^"]+)"', page)
    )
    fetched = re.findall(r"url\((?!#)([^)]{0,20})", page)
    assert all(address.startswith("data:font/ttf") for address in fetched)


def test_element_ids_are_unique(page):
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_every_creative_carries_its_mark(page):
    assert page.count("Ad · AI-generated</text>") >= 8
    assert page.count("广告 · AI 生成</text>") >= 8


def test_a_lift_whose_interval_includes_zero_is_called_unclear(page):
    assert "+0.34 points (-0.48 to +1.16)" in page
    assert page.count("includes zero: no clear difference") == 1


def test_both_languages_are_shown_on_all_four_surfaces(page):
    assert page.count('class="four" lang="en"') == 1
    assert page.count('class="four" lang="zh"') == 1
    for surface in ("search", "social", "video", "smart"):
        assert page.count(f"mock-{surface}") == 2


def test_an_empty_run_still_makes_a_page():
    page = gallery_page([], {})
    assert "0 creatives for 0 people" in page
    assert "Did it work?" not in page


def test_hostile_words_are_escaped():
    bad = '"><script>alert(1)</script>'
    page = gallery_page(
        items(
            2, seed=4, user_id=bad, explanation=bad, headline=bad, body=bad, cta=bad,
            arm=bad, model_name=bad, reason=bad, category=bad, placement=bad,
            surface=bad, creative_id=bad, disclosure=bad, design={bad: bad},
            top_preferences=((bad, 1.0),),
        ),
        {"learning": {"arms": [REPORT["learning"]["arms"][0] | {"arm": bad}]}},
    )  # fmt: skip
    assert "<script" not in page
    assert not re.search(r"\{[^}]*alert", page), "nor in a style rule"


def test_the_gallery_is_written_from_clickhouse(tmp_path, clickhouse):
    path = tmp_path / "out" / "gallery.html"
    write_gallery(path, clickhouse, REPORT)
    assert path.read_text("utf-8").startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_the_pages_own_text_can_be_read_in_both_themes(theme):
    block = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)[theme]
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block))
    for ground in ("paper", "sheet"):
        for text in ("ink", "soft", "link", "good", "bad"):
            assert contrast_ratio(colours[text], colours[ground]) >= READABLE, text
