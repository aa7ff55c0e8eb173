import pytest

from schemas.vocabulary import deployed
from streams.stages.texts.categories import matched_categories
from streams.stages.texts.language import clean, language_of
from streams.stages.texts.tokens import tokens


def categories(text: str) -> list[str]:
    language = language_of(clean(text))
    return matched_categories(tokens(clean(text), language), language)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("running shoes for flat feet", ["running", "shoes"]),
        ("solid oak coffee table", ["furniture"]),
        ("coffee beans", ["coffee"]),
        ("t-shirts for men", ["shirts"]),
        ("a watch for my father", ["watches"]),
        ("watch films online", ["films"]),
        ("Cheap flights to Tokyo and a hotel", ["flights", "hotels"]),
        ("hot dog stand", ["snacks"]),
        ("puppies", ["pets"]),
        ("透气跑步鞋", ["running", "shoes"]),
        ("红木茶几", ["furniture"]),
        ("喝茶", ["tea"]),
        ("AirPods 保护套", ["headphones"]),
        ("三亚海边酒店", ["beach", "hotels"]),
        ("想学英语口语", ["languages"]),
        ("what time is it", []),
        ("今天天气怎么样", []),
    ],
)
def test_words_point_to_their_categories(text, expected):
    assert categories(text) == expected


def test_the_category_most_spoken_of_comes_first():
    assert categories("hotel or hostel near the airport")[0] == "hotels"


@pytest.mark.parametrize("category", deployed().categories)
def test_every_category_is_found_by_its_own_words(category):
    for language in ("en", "zh"):
        words = deployed().words[category][language]
        assert len(words) >= 5
        for word in words:
            found = tokens(clean(word), language)
            assert category in matched_categories(found, language), word
