"""Words of a creative: lengths, languages, claims."""

import itertools

import pytest

from model_export.space.drawings import bundled
from model_export.space.wording import MAX_BODY, MAX_HEADLINE, find_banned
from schemas.records import Design
from schemas.vocabulary import deployed
from streams.rendering.brand import DEMO_BRAND
from streams.rendering.wording import UNKNOWN, words_for, write_copy
from tests.streams.rendering_samples import CHOICES

BANNED = bundled().said["banned"]
EVERY = list(
    itertools.product(CHOICES["appeal"], CHOICES["tone"], deployed().categories)
)


def words(language, **values):
    category = values.pop("category", "running")
    design = Design(categorical=values, continuous={})
    return write_copy(design, category, language, DEMO_BRAND)


def every_copy(language):
    for appeal, tone, category in EVERY:
        yield words(language, appeal=appeal, tone=tone, category=category)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_headline_and_body_keep_to_the_lengths_of_openrtb_native(language):
    for copy in every_copy(language):
        assert 0 < len(copy.headline) <= MAX_HEADLINE, copy
        assert 0 < len(copy.body) <= MAX_BODY, copy


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_combination_makes_a_banned_claim(language):
    labels = {words(language, cta=cta, tone=t).cta for cta, t in
              itertools.product(CHOICES["cta"], CHOICES["tone"])}  # fmt: skip
    texts = [
        f"{copy.headline} {copy.body} {copy.spoken}" for copy in every_copy(language)
    ]
    assert [t for t in (*texts, *labels) if find_banned(t, language, BANNED)] == []


def test_a_banned_claim_is_found_as_a_whole_word_whatever_its_case():
    found = find_banned("The BEST shoes, guaranteed", "en", BANNED)
    assert found == ("best", "guaranteed")
    assert find_banned("A bestiary of freedom", "en", BANNED) == ()
    assert find_banned("全国第一的鞋", "zh", BANNED) == ("第一",)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_appeal_tone_and_category_each_change_the_words(language):
    base = words(language)
    assert words(language, appeal="fun") != base
    assert words(language, tone="bold") != base
    assert words(language, category="tea") != base
    assert words(language, cta="book").cta != base.cta


def test_there_are_hundreds_of_different_headlines_in_each_language():
    for language in ("en", "zh"):
        assert len({copy.headline for copy in every_copy(language)}) > 1000


def test_chinese_copy_is_chinese_and_english_copy_is_ascii_but_for_its_quotes():
    for copy in every_copy("zh"):
        assert any("\u4e00" <= c <= "\u9fff" for c in copy.headline)
    for copy in every_copy("en"):
        assert copy.headline.replace("\u2019", "").isascii()
        assert copy.body.isascii()


def test_every_category_of_the_vocabulary_has_its_own_words():
    said = [words_for(category) for category in deployed().categories]
    assert UNKNOWN.title not in {words.title for words in said}
    assert [words.number for words in said] == list(range(1, len(said) + 1))


def test_an_unknown_category_is_said_in_general_words():
    assert "Good finds" in words("en", category="no-such-thing").body
    assert "好物" in words("zh", category="no-such-thing").headline


def test_the_spoken_line_says_first_that_it_is_an_ad_made_by_ai():
    assert words("en").spoken.startswith("An ad from Adloom Demo, made with AI.")
    assert words("zh").spoken.startswith("以下是Adloom Demo的广告，由 AI 生成。")
