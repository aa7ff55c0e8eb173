import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, strategies as st

from streams.stages.texts.sentiment import sentiment
from streams.stages.texts.sentiment_zh import N_BUCKETS, ngram_buckets


@pytest.mark.parametrize(
    "text",
    [
        "These headphones are great, the noise cancelling is superb.",
        "Not bad at all, the sofa is really comfy",
        "Best coffee machine I have ever owned",
        "Works as described, would buy again",
        "What a killer deal!",
        "Love it 😍",
    ],
)
def test_english_praise_is_positive(text):
    assert sentiment(text, "en") > 0.25


@pytest.mark.parametrize(
    "text",
    [
        "The noise cancelling headphones broke after two days. Waste of money.",
        "I would not recommend this laptop",
        "It stopped working after a week, very disappointed",
        "The zip is flimsy and it's overpriced",
        "This jacket isn't good",
        "so slow 😡😡",
    ],
)
def test_english_complaints_are_negative(text):
    assert sentiment(text, "en") < -0.25


@pytest.mark.parametrize(
    "text",
    [
        "Insane mode",
        "noise cancelling headphones",
        "weighted blanket",
        "Call of Duty Black Ops",
        "blackout curtains",
        "mosquito killer lamp",
        "sugar free snacks",
        "weed killer",
        "shock-proof phone case with hard shell",
        "gift card",
    ],
)
def test_a_product_term_is_not_a_sentiment(text):
    assert sentiment(text, "en") == 0


@pytest.mark.parametrize(
    "text",
    [
        "这个耳机音质很好，戴着也舒服，推荐购买",
        "酒店环境很好，早餐也不错，服务员态度热情",
        "孩子很喜欢这个玩具",
        "性价比高，已经回购三次了",
        "这个 AirPods Pro 太好用了 ❤️",
    ],
)
def test_chinese_praise_is_positive(text):
    assert sentiment(text, "zh") > 0.25


@pytest.mark.parametrize(
    "text",
    [
        "耳机质量很差，戴一会耳朵就疼，不推荐",
        "一点都不好喝的咖啡",
        "房间很脏，隔音太差，再也不会来了",
        "手机用了两天就坏了，退货还不给退，垃圾",
        "不是很好",
        "不舒服，后悔买了",
    ],
)
def test_chinese_complaints_are_negative(text):
    assert sentiment(text, "zh") < -0.25


def test_emoji_alone_decide_in_any_language():
    for language in ("en", "zh", "und"):
        assert sentiment("👍👍👍", language) > 0.5
        assert sentiment("😡😡", language) < -0.5
        assert sentiment("🪨", language) == 0


def test_words_and_emoji_pull_together():
    assert sentiment("还行 👍", "zh") > sentiment("还行", "zh")
    assert sentiment("还行 👎", "zh") < sentiment("还行", "zh")


@given(
    st.text(alphabet=st.characters(), max_size=400),
    st.sampled_from(("en", "zh", "und")),
)
def test_sentiment_of_any_text_stays_within_its_bounds(text, language):
    assert -1 <= sentiment(text, language) <= 1


@given(st.text(max_size=200))
def test_buckets_are_distinct_sorted_and_in_range(text):
    buckets = ngram_buckets(text)
    assert np.all(np.diff(buckets) > 0)
    assert not len(buckets) or (buckets[0] >= 0 and buckets[-1] < N_BUCKETS)


def test_the_hash_is_the_same_in_every_process():
    text = "这个耳机音质很好 AirPods 2"
    module = "streams.stages.texts.sentiment_zh"
    script = f"from {module} import *\nprint(*ngram_buckets({text!r}))"
    environment = {"PYTHONHASHSEED": "7", "PYTHONPATH": ":".join(sys.path)}
    printed = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [int(word) for word in printed.stdout.split()] == list(ngram_buckets(text))
    # Pinned: the shipped weights were trained with this hash.
    assert list(ngram_buckets("好")) == [10399]
