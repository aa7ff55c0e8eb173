"""Text -> tokens in order, each with what it counts as a keyword.

Chinese words are cut by rjieba with the vocabulary's words as user words; English words
by a pattern and stop lists. Both end as the same tokens, so that keywords are ranked by
one piece of code.
"""

import re
import tomllib
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple

import rjieba

from schemas.vocabulary import deployed
from streams.stages.texts.language import Language

USER_WORD_FREQUENCY: Final = 100_000
"""High enough for rjieba to keep the word whole; tried in the library notes."""
MAX_TERM_CHARACTERS: Final = 40

_WORD_LISTS: Final = Path(__file__).with_name("words.toml")
_ENGLISH: Final = re.compile(r"[^\W_]+(?:[-'&][^\W_]+)*|[^\w\s]")
_SMALL_NUMBER: Final = re.compile(r"\d{1,4}")
_HAN: Final = re.compile(r"[\u3400-\u9fff]")
_NOUN_TAGS: Final = ("n", "vn", "an", "eng", "i", "j", "l")
_cutter_lock: Final = Lock()


class Token(NamedTuple):
    """One word, or a mark between words."""

    text: str
    """Lower case."""
    weight: float
    """What one occurrence counts as a keyword; 0 for grammar and marks."""
    joins: bool
    """Whether it may stand in a two-word phrase."""

    @property
    def is_content(self) -> bool:
        """Whether it may be a keyword by itself."""
        return self.weight > 0


def tokens(text: str, language: Language) -> list[Token]:
    """Cut a cleaned text; one in an undetermined language is cut as English."""
    return chinese_tokens(text) if language == "zh" else english_tokens(text)


def english_tokens(text: str) -> list[Token]:
    """Cut at white space and marks; stop words count nothing.

    >>> [token.text for token in english_tokens("The best T-shirt!") if token.weight]
    ['t-shirt']
    """
    return [_latin_token(word) for word in _ENGLISH.findall(text.lower())]


def chinese_tokens(text: str) -> list[Token]:
    """Cut with rjieba; nouns count in full, adjectives by half.

    >>> [token.text for token in chinese_tokens("我想买一双跑步鞋") if token.weight]
    ['跑步鞋']
    """
    tagged = _cutter().tag(text.lower())
    found = []
    for place, (word, tag) in enumerate(tagged):
        if not word.isspace():
            found.append(_chinese_token(word, tag))
        elif not (_is_latin(tagged, place - 1) and _is_latin(tagged, place + 1)):
            found.append(Token(" ", 0.0, joins=False))
    return found


def _is_latin(tagged: list[tuple[str, str]], place: int) -> bool:
    return 0 <= place < len(tagged) and tagged[place][0].isascii()


def _chinese_token(word: str, tag: str) -> Token:
    if not _HAN.search(word):
        return _latin_token(word)
    if word in _stop_words() or len(word) > MAX_TERM_CHARACTERS:
        return Token(word, 0.0, joins=False)
    if word in _topic_words():
        return Token(word, 1.0, joins=True)
    if len(word) == 1:
        return Token(word, 0.0, joins=False)
    if tag.startswith(_NOUN_TAGS):
        return Token(word, 1.0, joins=True)
    return Token(word, 0.5 if tag.startswith("a") else 0.0, joins=False)


def _latin_token(word: str) -> Token:
    plain = word.removesuffix("'s")
    if _SMALL_NUMBER.fullmatch(plain):
        return Token(plain, 0.0, joins=True)
    is_keyword = (
        1 < len(plain) <= MAX_TERM_CHARACTERS
        and plain not in _stop_words()
        and any(map(str.isalpha, plain))
    )
    return Token(plain, 1.0 if is_keyword else 0.0, joins=is_keyword)


@cache
def _stop_words() -> frozenset[str]:
    lists = tomllib.loads(_WORD_LISTS.read_text("utf-8"))
    return frozenset(word for words in lists.values() for word in words.split())


@cache
def _topic_words() -> frozenset[str]:
    return frozenset(
        word.lower() for words in deployed().words.values() for word in words["zh"]
    )


@cache
def _filled_cutter() -> rjieba.Jieba:
    cutter = rjieba.Jieba()
    for word in sorted(_topic_words()):
        cutter.add_word(word, USER_WORD_FREQUENCY, "n")
    return cutter


def _cutter() -> rjieba.Jieba:
    # rjieba fails when one thread adds words while another cuts: fill it first, once.
    with _cutter_lock:
        return _filled_cutter()
