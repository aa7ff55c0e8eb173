"""Tokens -> the categories that they speak of."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

from schemas.vocabulary import deployed
from streams.stages.texts.language import Language
from streams.stages.texts.tokens import Token

MAX_PHRASE_TOKENS: Final = 4
MIN_PART_CHARACTERS: Final = 2

Index = dict[str, tuple[str, ...]]
"""A word or phrase -> the ids of its categories."""


def matched_categories(found: Sequence[Token], language: Language) -> list[str]:
    """Return category ids, the most spoken of first, then in order of appearance.

    From left to right the longest phrase wins and is used up: "coffee table" is
    furniture and not coffee. Chinese texts match both languages' words.
    """
    if language == "und":
        return []
    counts: dict[str, int] = {}
    for category in _matches([token.text for token in found], language):
        counts[category] = counts.get(category, 0) + 1
    return sorted(counts, key=lambda category: -counts[category])


def _matches(words: Sequence[str], language: Language) -> Iterator[str]:
    index = word_index(language)
    units = [unit for word in words for unit in (word.split("-") if word else [word])]
    place = 0
    while place < len(units):
        length, categories = _longest(units, place, index, language)
        yield from categories
        place += length


def _longest(
    units: Sequence[str], place: int, index: Index, language: Language
) -> tuple[int, tuple[str, ...]]:
    """Return how many units the longest phrase here takes, and its categories."""
    for length in range(min(MAX_PHRASE_TOKENS, len(units) - place), 0, -1):
        phrase = units[place : place + length]
        categories = index.get(" ".join(phrase))
        if categories is None and language == "zh":
            categories = index.get("".join(phrase))
        if categories is not None:
            return length, categories
    return 1, _part(units[place], index) if language == "zh" else ()


def _part(word: str, index: Index) -> tuple[str, ...]:
    """Return what the end of a compound word says, else its beginning."""
    for size in range(len(word) - 1, MIN_PART_CHARACTERS - 1, -1):
        for part in (word[-size:], word[:size]):
            if part in index and not part.isascii():
                return index[part]
    return ()


@cache
def word_index(language: Language) -> Index:
    """Return the words of a language; Chinese texts hold English words too."""
    index: Index = {}
    for category, words in deployed().words.items():
        forms = {form for word in words["en"] for form in _english_forms(word)}
        if language == "zh":
            forms |= {word.lower() for word in words["zh"]}
        for form in forms:
            index[form] = (*index.get(form, ()), category)
    return index


def _english_forms(word: str) -> Iterator[str]:
    """Yield a word or phrase with its regular plurals, as units split at hyphens."""
    plain = word.lower().replace("-", " ")
    yield plain
    yield plain + "s"
    if plain.endswith(("s", "sh", "ch", "x")):
        yield plain + "es"
    if plain.endswith("y"):
        yield plain[:-1] + "ies"
