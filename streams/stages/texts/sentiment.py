"""Text and its language -> sentiment in [-1, 1]: words and emoji together.

English is read by VADER's rules with product terms set aside. VADER (vader.py) was made
for sentences, so each one is scored alone.
"""

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Final

from streams.stages.texts.language import Language
from streams.stages.texts.sentiment_zh import sentiment_zh
from streams.stages.texts.vader import compound, lexicon

EMOJI_SHARE: Final = 0.3
"""How much emoji count beside words; alone they decide."""
NEAR_ZERO: Final = 0.05

_LIKED: Final = "😀😃😄😁😆😊☺🙂😉😍🥰😘😋🤗🤩🥳😎👍👏🙌💪🙏❤♥💕💖💗💯🎉✨🔥⭐🌟🏆✅😻"
_DISLIKED: Final = "😡😠🤬👿😞😔😟😕🙁☹😢😭😩😫😤👎💔🤮🤢😒🙄😣😖😱😨🤦💩❌😾"
_EMOJI: Final = re.compile(f"[{_LIKED}{_DISLIKED}\U0001f3fb-\U0001f3ff\ufe0f\u200d]")

MAX_SENTENCES: Final = 40
"""Of a long text the first ones decide; they bound the cost of one text."""
_LISTS: Final = Path(__file__).with_name("sentiment_en.toml")
_SENTENCE_END: Final = re.compile(r"(?<=[.!?;])\s+|\n+")
# Words without a valence of their own, or with a plain one, that stand for a phrase.
_STANDS_FOR: Final = {"neutral": "item", "praise": "great", "complaint": "terrible"}


def sentiment(text: str, language: Language) -> float:
    """Return how pleased the writer is, from -1 (dislikes) to 1 (likes).

    Emoji are read alike in every language; words in Chinese and English only.
    """
    marks = _EMOJI.findall(text)
    words = _words(_EMOJI.sub(" ", text) if marks else text, language)
    liked = sum(mark in _LIKED for mark in marks)
    disliked = sum(mark in _DISLIKED for mark in marks)
    if not liked + disliked:
        return words
    shown = (liked - disliked) / (liked + disliked)
    if abs(words) < NEAR_ZERO:
        return 0.8 * shown
    return (1 - EMOJI_SHARE) * words + EMOJI_SHARE * shown


def _words(text: str, language: Language) -> float:
    if language == "zh":
        return sentiment_zh(text)
    return sentiment_en(text) if language == "en" else 0.0


def sentiment_en(text: str) -> float:
    """Return the sentiment of an English text, from -1 to 1; 0 when nothing is said.

    >>> sentiment_en("noise cancelling headphones")
    0.0
    """
    sentences = [part for part in _SENTENCE_END.split(text) if part.strip()]
    scores = [_sentence(part) for part in sentences[:MAX_SENTENCES]]
    spoken = [score for score in scores if score]
    return sum(spoken) / len(spoken) if spoken else 0.0


def _sentence(sentence: str) -> float:
    pattern, stands_for = _phrases()
    plain = pattern.sub(lambda match: stands_for[match[0].lower()], sentence)
    return compound(plain, _valences())


@cache
def _lists() -> dict[str, Any]:
    return tomllib.loads(_LISTS.read_text("utf-8"))


@cache
def _phrases() -> tuple[re.Pattern[str], dict[str, str]]:
    """Return a pattern of all phrases, the longest first, and what replaces each."""
    stands_for = {
        " ".join(phrase.split()): word
        for name, word in _STANDS_FOR.items()
        for phrase in _lists()[name].split(";")
    }
    longest_first = sorted(stands_for, key=lambda phrase: (-len(phrase), phrase))
    pattern = r"\b(?:" + "|".join(map(re.escape, longest_first)) + r")\b"
    return re.compile(pattern, re.IGNORECASE), stands_for


@cache
def _valences() -> dict[str, float]:
    ours: dict[str, float] = _lists()["words"]
    return lexicon() | ours
