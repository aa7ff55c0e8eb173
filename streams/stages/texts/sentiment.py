"""Text and its language -> sentiment in [-1, 1]: words and emoji together."""

import re
from typing import Final

from streams.stages.texts.language import Language
from streams.stages.texts.sentiment_en import sentiment_en
from streams.stages.texts.sentiment_zh import sentiment_zh

EMOJI_SHARE: Final = 0.3
"""How much emoji count beside words; alone they decide."""
NEAR_ZERO: Final = 0.05

_LIKED: Final = "😀😃😄😁😆😊☺🙂😉😍🥰😘😋🤗🤩🥳😎👍👏🙌💪🙏❤♥💕💖💗💯🎉✨🔥⭐🌟🏆✅😻"
_DISLIKED: Final = "😡😠🤬👿😞😔😟😕🙁☹😢😭😩😫😤👎💔🤮🤢😒🙄😣😖😱😨🤦💩❌😾"
_EMOJI: Final = re.compile(f"[{_LIKED}{_DISLIKED}\U0001f3fb-\U0001f3ff\ufe0f\u200d]")


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
