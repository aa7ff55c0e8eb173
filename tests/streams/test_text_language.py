import pytest
from hypothesis import given, strategies as st

from streams.stages.texts.language import MAX_CHARACTERS, clean, language_of


@pytest.mark.parametrize(
    ("text", "tag", "language"),
    [
        ("running shoes for flat feet", None, "en"),
        ("透气跑步鞋", None, "zh"),
        ("iPhone 15 Pro 手机壳", None, "zh"),
        ("I love 茶", None, "en"),
        ("ランニングシューズ", None, "und"),
        ("أحذية رياضية", None, "und"),
        ("👍👍", "zh-CN", "und"),
        ("", "en", "und"),
        ("chaussures de course", "fr-FR", "und"),
        ("今日は天気がいい", "ja", "und"),
        ("東京旅行", "ja", "und"),
        ("這雙鞋很好", "zh-Hant-TW", "zh"),
    ],
)
def test_the_script_tells_the_language(text, tag, language):
    assert language_of(text, tag) == language


def test_a_plausible_tag_wins_over_the_script():
    mixed = "AirPods Pro second generation 很好用"
    assert language_of(mixed) == "en"
    assert language_of(mixed, "zh") == "zh"


def test_a_tag_that_the_text_contradicts_is_ignored():
    assert language_of("这双鞋很好", "en-GB") == "zh"
    assert language_of("These shoes are great", "zh") == "en"


@pytest.mark.parametrize(
    "private",
    [
        "jane.doe@example.com",
        "https://example.com/orders?id=9",
        "@jane_doe",
        "+44 20 7946 0958",
        "13800138000",
        "4111 1111 1111 1111",
    ],
)
def test_what_could_name_a_person_is_removed(private):
    assert clean(f"call me {private} please").split() == ["call", "me", "please"]


def test_full_width_letters_become_plain_ones():
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in "NIKE")
    assert clean(f"{wide}\u3000鞋") == "NIKE 鞋"


@given(st.text(alphabet=st.characters(), max_size=5_000), st.none() | st.text())
def test_any_text_is_cleaned_and_has_a_language(text, tag):
    cleaned = clean(text)
    assert len(cleaned) <= MAX_CHARACTERS
    assert language_of(cleaned, tag) in {"en", "zh", "und"}
