"""English text -> sentiment in [-1, 1], by VADER's rules with product terms set aside.

VADER (vader.py) was made for sentences, so each one is scored alone.
"""

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Final

from streams.stages.texts.vader import compound, lexicon

MAX_SENTENCES: Final = 40
"""Of a long text the first ones decide; they bound the cost of one text."""
_LISTS: Final = Path(__file__).with_name("sentiment_en.toml")
_SENTENCE_END: Final = re.compile(r"(?<=[.!?;])\s+|\n+")
# Words without a valence of their own, or with a plain one, that stand for a phrase.
_STANDS_FOR: Final = {"neutral": "item", "praise": "great", "complaint": "terrible"}


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
