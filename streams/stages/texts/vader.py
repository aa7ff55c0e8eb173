"""An English sentence -> its sentiment in [-1, 1], by VADER's words and rules.

Hutto and Gilbert, "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of
Social Media Text", ICWSM 2014; words and rules are those of the package vaderSentiment
3.3.2, its quirks too, under the MIT License (LICENSE-vader.txt). Valences are -4 to 4;
words before a word with a valence make it stronger or weaker, or turn it round.
"""

import string
import tomllib
from collections.abc import Mapping
from functools import cache
from math import sqrt
from pathlib import Path
from typing import Any, Final

_FOLDER: Final = Path(__file__).parent
_BOOST: Final = 0.293
_CAPITALS: Final = 0.733
_NEGATED: Final = -0.74
_NEVER_SO: Final = 1.25
_FADING: Final = {1: 1.0, 2: 0.95, 3: 0.9}
"""Effect of a booster by its distance from the word, which is also how far is read."""
_EXCLAMATION: Final = 0.292
_QUESTION: Final = 0.18
_QUESTIONS: Final = 0.96
_MOST_MARKS: Final = {"!": 4, "?": 3}
_SATURATION: Final = 15.0
_LONGEST_EMOTICON: Final = 2


def lexicon() -> dict[str, float]:
    """Return the valence of each word; a copy, to be added to."""
    lines = (_FOLDER / "vader_words.txt").read_text("utf-8").splitlines()
    rows = (line.strip().split("\t") for line in lines)
    return {word: float(valence) for word, valence in rows}


def compound(sentence: str, valences: Mapping[str, float]) -> float:
    """Return the sentiment of a sentence; 0 when none of its words has a valence."""
    text = _described(sentence)
    scores = _Sentence(text, valences).scores()
    total = sum(scores)
    if total:
        total += _emphasis(text) if total > 0 else -_emphasis(text)
    return round(total / sqrt(total * total + _SATURATION), 4)


class _Sentence:
    """The words of a sentence, and what they do to one another."""

    def __init__(self, text: str, valences: Mapping[str, float]) -> None:
        self._valences = valences
        self._words = [_bare(token) for token in text.split()]
        self._lower = [word.lower() for word in self._words]
        in_capitals = sum(word.isupper() for word in self._words)
        self._some_in_capitals = 0 < in_capitals < len(self._words)

    def scores(self) -> list[float]:
        """Return the valence of each word, changed by the words around it."""
        scores = [self._score(at) for at in range(len(self._words))]
        if "but" in self._lower:
            turn = self._lower.index("but")
            for at in range(len(scores)):
                first = scores.index(scores[at])  # as the original finds it
                if first != turn:
                    scores[first] *= 0.5 if first < turn else 1.5
        return scores

    def _word(self, at: int) -> str:
        return self._lower[at] if 0 <= at < len(self._lower) else ""

    def _score(self, at: int) -> float:
        word = self._word(at)
        if word in _boosters() or word not in self._valences:
            return 0.0
        if word == "kind" and self._word(at + 1) == "of":
            return 0.0
        valence = self._own_valence(at)
        for back in _FADING:
            earlier = self._word(at - back)
            if back <= at and earlier not in self._valences:
                valence += _FADING[back] * self._boost(at - back, valence)
                valence *= self._negation(at, back)
        if at >= max(_FADING) and self._word(at - max(_FADING)) not in self._valences:
            valence = self._phrases(at, valence)
        least = self._word(at - 1) == "least" and "least" not in self._valences
        if least and self._word(at - 2) not in ("at", "very"):
            valence *= _NEGATED
        return valence

    def _own_valence(self, at: int) -> float:
        word, valence = self._word(at), self._valences[self._word(at)]
        one, two, three = (self._word(at - back) for back in (1, 2, 3))
        if "no" in (one, two) or (three == "no" and one in ("or", "nor")):
            valence *= _NEGATED
        elif word == "no" and self._word(at + 1) in self._valences:
            valence = 0.0
        return valence + self._capitals(at, valence)

    def _capitals(self, at: int, valence: float) -> float:
        """Return what capitals add, when not all words are in capitals."""
        if not (self._words[at].isupper() and self._some_in_capitals):
            return 0.0
        return _CAPITALS if valence > 0 else -_CAPITALS

    def _boost(self, at: int, valence: float) -> float:
        boost = _boosters().get(self._word(at), 0.0)
        if not boost:
            return 0.0
        return (-boost if valence < 0 else boost) + self._capitals(at, valence)

    def _negation(self, at: int, back: int) -> float:
        """Return the factor by which the word so far back changes a valence."""
        word = self._word(at - back)
        between = [self._word(at - step) for step in range(1, back)]
        so = any(step in ("so", "this") for step in between)
        # Three words back, "so" and "this" beside the word count without "never".
        if (so and word == "never") or (back == max(_FADING) and _is_so(between[0])):
            return _NEVER_SO
        if word == "without" and "doubt" in between:
            return 1.0
        return _NEGATED if word in _negating() or "n't" in word else 1.0

    def _phrases(self, at: int, valence: float) -> float:
        def phrase(start: int, end: int) -> str:
            return " ".join(self._lower[at + start : at + end + 1])

        known = _lists()["phrases"]
        before = [
            phrase(*span) for span in ((-1, 0), (-2, 0), (-2, -1), (-3, -1), (-3, -2))
        ]
        found = [known[text] for text in before if text in known][:1]
        found += [known[text] for text in (phrase(0, 1), phrase(0, 2)) if text in known]
        valence = found[-1] if found else valence
        return valence + sum(
            _boosters().get(phrase(*span), 0.0)
            for span in ((-3, -1), (-3, -2), (-2, -1))
        )


def _is_so(word: str) -> bool:
    return word in ("so", "this")


def _bare(token: str) -> str:
    """Return a token without punctuation around it, or an emoticon as it is."""
    stripped = token.strip(string.punctuation)
    return token if len(stripped) <= _LONGEST_EMOTICON else stripped


def _described(text: str) -> str:
    """Return a text with emoji described in words."""
    parts: list[str] = []
    for character in text:
        description = _emoji().get(character)
        if description and parts and not parts[-1].endswith(" "):
            parts.append(" ")
        parts.append(description or character)
    return "".join(parts).strip()


def _emphasis(text: str) -> float:
    """Return what exclamation and question marks add to a valence."""
    questions = text.count("?")
    asked = 0.0
    if questions > 1:
        many = questions > _MOST_MARKS["?"]
        asked = _QUESTIONS if many else questions * _QUESTION
    return min(text.count("!"), _MOST_MARKS["!"]) * _EXCLAMATION + asked


@cache
def _lists() -> dict[str, Any]:
    return tomllib.loads((_FOLDER / "vader.toml").read_text("utf-8"))


def _listed(name: str) -> list[str]:
    return [" ".join(word.split()) for word in _lists()[name].split(";")]


@cache
def _boosters() -> dict[str, float]:
    boosters = dict.fromkeys(_listed("strengthening"), _BOOST)
    return boosters | dict.fromkeys(_listed("dampening"), -_BOOST)


@cache
def _negating() -> frozenset[str]:
    return frozenset(_listed("negating"))


@cache
def _emoji() -> dict[str, str]:
    lines = (_FOLDER / "vader_emoji.txt").read_text("utf-8").splitlines()
    return dict(line.strip().split("\t", 1) for line in lines)
