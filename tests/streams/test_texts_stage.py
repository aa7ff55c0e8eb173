import pytest
from hypothesis import given, settings, strategies as st

from schemas.records import Text, TextSignal
from schemas.vocabulary import deployed
from streams.engine.stage import Incoming
from streams.stages.texts.stage import TextSignals


def text(words: str, kind: str = "search", **changes) -> Text:
    fields = {
        "text_id": "t1",
        "user_id": "u1",
        "kind": kind,
        "text": words,
        "written_at": 1_700_000_000_000,
        "consent": True,
    }
    return Text(**(fields | changes))


def read(
    stage: TextSignals, *texts: Text | None, partition: int = 0
) -> list[TextSignal]:
    incoming = [
        Incoming(Text, "u1", each, partition, offset)
        for offset, each in enumerate(texts)
    ]
    outgoing = stage.step(incoming, now=0)
    assert all(each.record is TextSignal and each.key == "u1" for each in outgoing)
    return [each.value for each in outgoing]


def shifts(words: str, kind: str, **changes) -> dict[str, float]:
    (signal,) = read(TextSignals(), text(words, kind, **changes))
    return {shift.category: shift.weight for shift in signal.shifts}


def test_a_search_is_worth_a_click_on_what_it_names():
    assert shifts("running shoes", "search") == {"running": 1.0, "shoes": 1.0}
    assert shifts("降噪耳机", "search") == {"headphones": 1.0}


def test_a_search_has_no_sentiment():
    (signal,) = read(TextSignals(), text("best awful horrible headphones"))
    assert signal.sentiment == 0


def test_praise_moves_a_category_up_and_a_complaint_moves_it_down():
    assert shifts("I love this coffee", "comment")["coffee"] > 0.3
    assert shifts("This coffee is awful", "comment")["coffee"] < -0.3
    assert shifts("咖啡很好喝，很喜欢", "comment")["coffee"] > 0.3
    assert shifts("咖啡太难喝了，很失望", "comment")["coffee"] < -0.3


def test_a_review_weighs_more_than_a_comment():
    words = "This coffee is awful"
    assert shifts(words, "review")["coffee"] < shifts(words, "comment")["coffee"]


def test_a_neutral_review_moves_nothing():
    assert shifts("The coffee came in a box", "review") == {}


def test_each_clause_judges_its_own_category():
    moved = shifts("The sofa is lovely but the rug is ugly", "review")
    assert moved["furniture"] > 0 > moved["decor"]
    moved = shifts("沙发很舒服，很喜欢。但是窗帘质量太差了", "review")
    assert moved["furniture"] > 0 > moved["decor"]


def test_the_given_category_is_what_a_review_judges():
    moved = shifts("Broke while running", "review", category="headphones")
    assert moved.keys() == {"headphones"}
    assert moved["headphones"] < 0


def test_the_given_category_of_a_search_comes_first():
    moved = shifts("waterproof shoes", "search", category="hiking")
    assert list(moved) == ["hiking", "shoes"]


def test_an_unknown_category_is_ignored():
    assert shifts("waterproof", "search", category="spaceships") == {}


def test_without_consent_nothing_is_read_from_a_text():
    stage = TextSignals()
    (signal,) = read(stage, text("I hate this coffee", "review", consent=False))
    assert (signal.keywords, signal.sentiment, signal.shifts) == ((), 0.0, ())
    assert not signal.consent
    assert stage.take_dirty() == []


def test_a_signal_carries_ids_and_times_of_its_text_and_not_the_text():
    (signal,) = read(TextSignals(), text("coffee for jane@example.com", text_id="t9"))
    assert (signal.text_id, signal.user_id, signal.language) == ("t9", "u1", "en")
    assert signal.written_at == 1_700_000_000_000
    assert not any("jane" in keyword for keyword in signal.keywords)


def test_a_tombstone_has_no_signal():
    assert read(TextSignals(), None) == []


@pytest.mark.parametrize(
    "words", ["", " ", "👍", "x" * 4_000, "这个耳机质量很差。" * 440]
)
def test_odd_texts_have_a_signal(words):
    assert len(read(TextSignals(), text(words, "review"))) == 1


@settings(max_examples=60)
@given(
    st.text(max_size=600)
    | st.lists(
        st.sampled_from(
            ["coffee", "sofa", "很差", "耳机", "love", " ", "!", "😡", "不", "hotel"]
        ),
        max_size=80,
    ).map("".join),
    st.sampled_from(["search", "comment", "review"]),
    st.none() | st.sampled_from(deployed().categories),
    st.none() | st.sampled_from(["en", "zh-CN", "fr", "x"]),
)
def test_the_signal_of_any_text_stays_within_the_contract(words, kind, category, tag):
    (signal,) = read(TextSignals(), text(words, kind, category=category, language=tag))
    assert signal.language in {"en", "zh", "und"}
    assert len(signal.keywords) <= 16
    assert len(set(signal.keywords)) == len(signal.keywords)
    assert -1 <= signal.sentiment <= 1
    assert len(signal.shifts) <= 8
    for shift in signal.shifts:
        assert deployed().column(shift.category) is not None
        assert 0 < abs(shift.weight) <= 1.5


def test_a_restored_stage_says_what_the_first_would_have_said():
    texts = [text(f"tent stove lantern {word}") for word in ("rope", "map", "pan")] * 40
    first = TextSignals()
    read(first, *texts)
    second = TextSignals()
    second.restore(first.take_dirty())
    follow_up = text("lantern with usb port for the tent")
    assert read(first, follow_up) == read(second, follow_up)


def test_a_dropped_partition_leaves_no_state():
    stage = TextSignals()
    read(stage, text("tent"), partition=0)
    read(stage, text("tent"), partition=1)
    stage.drop(0)
    assert {row.partition for row in stage.take_dirty()} == {1}


def test_the_same_texts_give_the_same_signals():
    texts = [text("camping stove", text_id=str(i)) for i in range(5)]
    assert read(TextSignals(), *texts) == read(TextSignals(), *texts)
