from concurrent.futures import ThreadPoolExecutor

import pytest

from streams.stages.texts.keywords import counted_terms, ranked_keywords
from streams.stages.texts.language import clean, language_of
from streams.stages.texts.term_counts import TermCounts
from streams.stages.texts.tokens import chinese_tokens, tokens


def keywords(text: str, counts: TermCounts | None = None) -> tuple[str, ...]:
    language = language_of(clean(text))
    found = tokens(clean(text), language)
    return ranked_keywords(found, counts or TermCounts(), 0, language)


@pytest.mark.parametrize(
    ("text", "best"),
    [
        ("the best headphones for the gym, please", {"headphones", "gym"}),
        ("我想买一双透气的跑步鞋", {"跑步鞋"}),
        ("iPhone 15 手机壳", {"iphone", "手机壳", "iphone 15"}),
        ("noise cancelling headphones", {"headphones", "noise cancelling"}),
    ],
)
def test_keywords_name_what_a_text_is_about(text, best):
    assert set(keywords(text)[: len(best)]) == best


def test_stop_words_and_praise_are_no_keywords():
    assert keywords("It was really very good and I would buy it again") == ()
    assert keywords("真的很好，非常喜欢，推荐大家购买") == ()


def test_a_word_of_the_vocabulary_is_cut_as_one_word():
    words = [token.text for token in chinese_tokens("双肩包和降噪耳机")]
    assert words == ["双肩包", "和", "降噪耳机"]


def test_a_word_of_many_texts_ranks_below_a_rare_one():
    counts = TermCounts()
    text = "waterproof ember jacketing"
    for _ in range(500):
        counts.add_text(0, ["waterproof"])
    assert keywords(text, counts).index("ember") < keywords(text, counts).index(
        "waterproof"
    )


def test_a_phrase_of_a_long_text_needs_other_texts():
    text = (
        "We carried lunch, maps, water, ropes and torches up the gravel path; "
        "the ember stove boiled snow beside a frozen lake"
    )
    counts = TermCounts()
    assert "ember stove" not in keywords(text, counts)
    for _ in range(3):
        counts.add_text(0, ["ember", "stove", "ember stove"])
    assert "ember stove" in keywords(text, counts)


def test_a_long_text_counts_a_bounded_number_of_terms():
    text = " ".join(f"word{i}x" for i in range(900))[:4_000]
    assert len(counted_terms(tokens(text, "en"))) == 200


def test_many_threads_may_cut_chinese_words_at_once():
    texts = ["我想买一双跑步鞋", "三亚海边酒店", "降噪耳机"] * 200
    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(chinese_tokens, texts))) == len(texts)


def test_a_count_halves_after_one_half_life():
    counts = TermCounts(half_life_texts=100)
    counts.add_text(0, ["tent"])
    for _ in range(100):
        counts.add_text(0, [])
    assert counts.frequency(0, "tent") == pytest.approx(0.5)


def test_the_table_stays_within_its_bound_and_keeps_what_is_frequent():
    counts = TermCounts(max_terms=100)
    for number in range(1_000):
        counts.add_text(0, [f"rare{number}", "tent"])
    assert counts.n_terms(0) <= 100
    assert counts.frequency(0, "tent") > 900


def test_partitions_are_counted_apart_and_dropped_apart():
    counts = TermCounts()
    counts.add_text(0, ["tent"])
    counts.add_text(1, ["tent"])
    counts.drop(0)
    assert counts.frequency(0, "tent") == 0
    assert counts.frequency(1, "tent") == 1
    assert {row.partition for row in counts.take_dirty()} == {1}


def test_a_restored_table_is_the_same_table():
    counts, rows = TermCounts(max_terms=50), []
    for number in range(200):
        counts.add_text(0, [f"term{number % 70}", "tent"])
        if number % 30 == 0:
            rows += counts.take_dirty()
    rows += counts.take_dirty()
    again = TermCounts(max_terms=50)
    again.restore(rows)
    assert again.take_dirty() == []
    assert again.n_terms(0) == counts.n_terms(0)
    for term in ("tent", "term3", "term69"):
        assert again.idf(0, term) == counts.idf(0, term)
