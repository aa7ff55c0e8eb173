"""Design + category + language -> Copy: closed templates by appeal and tone."""

from functools import lru_cache

from model_export.space.drawings import Appeal, Drawings, Tone
from model_export.space.wording import MAX_HEADLINE
from schemas.records import Copy, Design
from streams.rendering.brand import BrandKit
from streams.rendering.look import word_of
from streams.rendering.wording import Language, words_for

WORDED = ("appeal", "tone", "cta")
"""The attributes of a design that its words depend on."""


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
