import pytest
from hypothesis import given, settings, strategies as st
from vaderSentiment.vaderSentiment import (
    BOOSTER_DICT,
    NEGATE,
    SPECIAL_CASES,
    SentimentIntensityAnalyzer,
)

from streams.stages.texts.vader import compound, lexicon

OURS = lexicon()
ORIGINAL = SentimentIntensityAnalyzer()

REVIEWS = """
VADER is smart, handsome, and funny.
VADER is VERY SMART, uber handsome, and FRIGGIN FUNNY!!!
At least it isn't a horrible book, but the plot was only kind of good.
The plot was good, but the characters are uncompelling and the dialog is not great.
Today SUX! Not bad at all :-) Make sure you :) or :D today!
Never this good. Never have I been so disappointed??? The least helpful support.
It arrived without a doubt in perfect condition; no problem, no or little damage, no
No returns, no good or bad, no fun. I really kinda like it, sort of nice to look at.
This tent is to die for. Yeah right, that is the bomb 🎁 a lovely 🌹rose for😀you 💘
I don't think the very least expensive one is the worst thing. Least of all, no
""".strip().splitlines()

CHANGING = (
    "but least at very kind of so this doubt no or never without phone it and nor "
    "! ?? ???? 🎁 💘"
)
WORDS = st.one_of(
    st.sampled_from(sorted(OURS)),
    st.sampled_from(sorted(BOOSTER_DICT) + sorted(NEGATE) + sorted(SPECIAL_CASES)),
    st.sampled_from(sorted(SPECIAL_CASES)),
    st.sampled_from(
        [
            "but",
            "least",
            "at",
            "very",
            "kind",
            "of",
            "so",
            "this",
            "doubt",
            "no",
            "or",
            "never",
            "without",
            "phone",
            "it",
            "and",
            "nor",
            "!",
            "??",
            "????",
            "🎁",
            "💘",
        ]
    ),
)
STYLED = st.builds(
    lambda word, style: style(word), WORDS, st.sampled_from([str, str, str.upper])
)


def test_the_words_are_the_originals():
    assert ORIGINAL.lexicon == OURS


@pytest.mark.parametrize("text", REVIEWS)
def test_a_review_has_the_originals_score(text):
    assert compound(text, OURS) == ORIGINAL.polarity_scores(text)["compound"]


@settings(max_examples=1_000)
@given(st.lists(STYLED, max_size=9).map(" ".join))
def test_any_sentence_has_the_originals_score(text):
    expected = ORIGINAL.polarity_scores(text)["compound"]

    assert compound(text, OURS) == pytest.approx(expected, abs=1e-4)


@given(st.text(max_size=60))
def test_any_text_has_the_originals_score(text):
    assert compound(text, OURS) == ORIGINAL.polarity_scores(text)["compound"]
