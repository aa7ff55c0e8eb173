"""Design + category + language -> its words: closed templates by appeal and tone."""

import zlib
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Literal

import structlog

from model_export.space.drawing_rules import LANGUAGES
from model_export.space.drawings import Appeal, Drawings, Tone
from model_export.space.wording import MAX_HEADLINE
from schemas.records import Copy, Design
from schemas.vocabulary import bundled, deployed
from streams.rendering.brand import BrandKit

LOG = structlog.get_logger(__name__)

Language = Literal["en", "zh"]
WORDED = ("appeal", "tone", "cta")
"""The attributes of a design that its words depend on."""


@dataclass(frozen=True, slots=True)
class CategoryWords:
    """How a category is said, and the group whose backdrop it takes."""

    title: str
    phrase: str
    zh: str
    group: str
    number: int = 0
    """Makes drawings of one group differ; that of a bundled category never changes."""

    @property
    def inside(self) -> str:
        """The title inside an English sentence: small letters unless an acronym."""
        return self.title if self.title[:2].isupper() else self.title.lower()


UNKNOWN = CategoryWords("Good finds", "Good finds", "好物", "home")


@cache
def words_for(category: str) -> CategoryWords:
    """Return the words of a category; any other one is said as "Good finds".

    A category without a title that fits is said as its parent is, where that has one.
    """
    entry = deployed().entries.get(category)
    if entry is None:
        return UNKNOWN
    lineage = list(deployed().lineage(category))
    said = [entry, *(deployed().entries[one] for one in lineage[:-1])]
    spoken = deployed().languages.keys() & set(LANGUAGES)
    titled = next((one for one in said if spoken <= one.titles.keys()), None)
    group = lineage[-1] if lineage else UNKNOWN.group
    titles = {"en": UNKNOWN.title, "zh": UNKNOWN.zh} | (titled.titles if titled else {})
    phrases = titled.phrases if titled else titles
    number = _number_of(category)
    return CategoryWords(titles["en"], phrases["en"], titles["zh"], group, number)


def _number_of(category: str) -> int:
    column = bundled().column(category)
    return zlib.crc32(category.encode()) % 1_000 if column is None else column + 1


def write_copy(
    design: Design, category: str, language: Language, brand: BrandKit
) -> Copy:
    """Return the words of a creative.

    The headline has at most 25 characters and the body at most 90, in both
    languages. The words depend on appeal, tone, call to action, category, language
    and brand name alone. A category outside the vocabulary is said as "Good finds".
    """
    return _written(
        brand.drawings,
        *[word_of(design, name, brand.drawings) for name in WORDED],
        category,
        language,
        brand.name,
    )


@lru_cache(maxsize=65_536)
def _written(
    drawings: Drawings,
    appeal: str,
    tone: str,
    cta: str,
    category: str,
    language: Language,
    brand: str,
) -> Copy:
    values, said = drawings.values, drawings.said
    how: Tone = values["tone"][tone]
    headline, sentence, body = _message(
        values["appeal"][appeal], how, category, language
    )
    label = values["cta"][cta][language][how.label]
    return Copy(
        headline=headline,
        body=body,
        cta=label,
        spoken=said["spoken"][language].format(
            brand=brand, headline=sentence, body=body, cta=label
        ),
        disclosure=said["disclosure"][language],
    )


@lru_cache(maxsize=16_384)
def _message(
    appeal: Appeal, tone: Tone, category: str, language: Language
) -> tuple[str, str, str]:
    """Return headline, the headline as a sentence, and body."""
    words = words_for(category)
    fields = {"T": words.title, "t": words.inside, "P": words.phrase}
    if language == "zh":
        fields = {"t": words.zh}
    forms = [form.format(**fields) for form in appeal.forms(tone, language)]
    headline = next((form for form in forms if len(form) <= MAX_HEADLINE), forms[-1])
    gap = "" if language == "zh" else " "
    body = f"{appeal.words[language].format(**fields)}{gap}{tone.words[language]}"
    return headline, _as_sentence(headline, language), body


def _as_sentence(headline: str, language: Language) -> str:
    if headline.endswith((".", "?", "!", "。", "？", "！")):
        return headline
    return headline + ("。" if language == "zh" else ".")


def word_of(design: Design, name: str, drawings: Drawings) -> str:
    """Return the value of one categorical attribute that can be drawn.

    A design of the space at hand has no other; a stored one may be older than it.
    """
    known: dict[str, Any] = drawings.values[name]
    value = design.categorical.get(name)
    if value in known:
        return value
    default = next(iter(known))
    if value is not None:
        _say_once(name, value, default)
    return default


@lru_cache(maxsize=1_000)
def _say_once(name: str, value: str, default: str) -> None:
    LOG.warning("value not drawn", attribute=name, value=value[:60], instead=default)


def sentences_of(text: str) -> list[str]:
    """Split after sentence marks; "Go." and "快来看。" end a sentence, "v1.2" not."""
    sentences, start = [], 0
    for at, character in enumerate(text):
        latin_end = character in ".!?" and text[at + 1 : at + 2] in ("", " ")
        if latin_end or character in "。！？":
            sentences.append(text[start : at + 1].strip())
            start = at + 1
    rest = text[start:].strip()
    return [*sentences, rest] if rest or not sentences else sentences
