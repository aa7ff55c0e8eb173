"""Tokens and term counts -> keywords, best first."""

from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from typing import Final, NamedTuple

from streams.stages.texts.categories import word_index
from streams.stages.texts.language import Language
from streams.stages.texts.term_counts import TermCounts
from streams.stages.texts.tokens import MAX_TERM_CHARACTERS, Token

MAX_KEYWORDS: Final = 16
MAX_COUNTED_TERMS: Final = 200
"""Of one text; a 4,000-character text must not flood the table."""
SHORT_TEXT_TOKENS: Final = 6
TOPIC_BOOST: Final = 1.5
PHRASE_BOOST: Final = 1.4
MIN_PHRASE_TEXTS: Final = 2.5
MIN_PHRASE_SHARE: Final = 0.2


class Term(NamedTuple):
    """A term of one text."""

    term: str
    words: tuple[str, ...]
    weight: float
    """Summed over its occurrences."""


def candidates(found: Sequence[Token]) -> list[Term]:
    """Return the distinct words and two-word phrases of a text, in order."""
    weights: dict[str, tuple[tuple[str, ...], float]] = {}
    for words, weight in _occurrences(found):
        term = _join(words)
        if len(term) <= MAX_TERM_CHARACTERS:
            weights[term] = (words, weights.get(term, (words, 0.0))[1] + weight)
    return [Term(term, *rest) for term, rest in weights.items()]


def ranked_keywords(
    found: Sequence[Token], counts: TermCounts, partition: int, language: Language
) -> tuple[str, ...]:
    """Return at most 16 keywords by term frequency x idf, best first.

    A phrase stands when the text is short, repeats it, or other texts have shown that
    its words belong together. Words of the vocabulary are lifted.
    """
    topics = word_index(language)
    is_short = sum(token.is_content for token in found) <= SHORT_TEXT_TOKENS
    scored = []
    for place, candidate in enumerate(candidates(found)):
        if len(candidate.words) > 1 and not (
            is_short
            or candidate.weight > 1
            or _is_known_phrase(candidate, counts, partition)
        ):
            continue
        score = candidate.weight * _information(candidate, counts, partition)
        if candidate.term in topics:
            score *= TOPIC_BOOST
        scored.append((-score, place, candidate.term))
    return tuple(term for _, _, term in sorted(scored)[:MAX_KEYWORDS])


def counted_terms(found: Sequence[Token]) -> list[str]:
    """Return the distinct terms of a text that enter the term counts."""
    return [each.term for each in islice(candidates(found), MAX_COUNTED_TERMS)]


def _occurrences(found: Sequence[Token]) -> Iterator[tuple[tuple[str, ...], float]]:
    for token in found:
        if token.is_content:
            yield (token.text,), token.weight
    for left, right in pairwise(found):
        # A number may follow a name ("iphone 15") and never leads.
        if left.is_content and left.joins and right.joins and left.text != right.text:
            yield (left.text, right.text), 1.0


def _join(words: tuple[str, ...]) -> str:
    """Join as the script does: Chinese words touch."""
    is_latin = any(word.isascii() for word in words)
    return (" " if is_latin else "").join(words)


def _information(candidate: Term, counts: TermCounts, partition: int) -> float:
    idfs = [counts.idf(partition, word) for word in candidate.words]
    boost = PHRASE_BOOST if len(idfs) > 1 else 1.0
    return boost * sum(idfs) / len(idfs)


def _is_known_phrase(candidate: Term, counts: TermCounts, partition: int) -> bool:
    n_phrase = counts.frequency(partition, candidate.term)
    rarest = min(counts.frequency(partition, word) for word in candidate.words)
    return n_phrase >= MIN_PHRASE_TEXTS and n_phrase >= MIN_PHRASE_SHARE * rarest
