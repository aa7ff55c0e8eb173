"""Design + category + language -> Copy: closed templates by appeal and tone."""

from functools import lru_cache

from schemas.records import Copy, Design
from streams.rendering.brand import BrandKit
from streams.rendering.look import Look, word_of
from streams.rendering.wording import Language, wording, words_for

MAX_HEADLINE = 25
"""Characters, as OpenRTB Native 1.2 allows for a short title."""
MAX_BODY = 90
"""Characters, as OpenRTB Native 1.2 recommends for a description."""

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
        *[word_of(design, name) for name in WORDED],
        category,
        language,
        brand.name,
    )


def badge_label(look: Look, language: Language) -> str:
    """Return the badge's word, or nothing when the look has no badge."""
    label: str = wording()["badge"][language].get(look.badge, "")
    return label


@lru_cache(maxsize=65_536)
def _written(
    appeal: str, tone: str, cta: str, category: str, language: Language, brand: str
) -> Copy:
    table = wording()
    headline, sentence, body = _message(appeal, tone, category, language)
    label = table["cta"][language][cta][table["register"][tone]]
    return Copy(
        headline=headline,
        body=body,
        cta=label,
        spoken=table["spoken"][language].format(
            brand=brand, headline=sentence, body=body, cta=label
        ),
        disclosure=table["disclosure"][language],
    )


@lru_cache(maxsize=16_384)
def _message(
    appeal: str, tone: str, category: str, language: Language
) -> tuple[str, str, str]:
    """Return headline, the headline as a sentence, and body."""
    table = wording()
    words = words_for(category)
    fields = {"T": words.title, "t": words.inside, "P": words.phrase}
    if language == "zh":
        fields = {"t": words.zh}
    forms = [
        form.format(**fields) for form in table["headline"][language][appeal][tone]
    ]
    headline = next((form for form in forms if len(form) <= MAX_HEADLINE), forms[-1])
    gap = "" if language == "zh" else " "
    promise = table["promise"][language][appeal].format(**fields)
    body = f"{promise}{gap}{table['closer'][language][tone]}"
    return headline, _as_sentence(headline, language), body


def _as_sentence(headline: str, language: Language) -> str:
    if headline.endswith((".", "?", "!", "。", "？", "！")):
        return headline
    return headline + ("。" if language == "zh" else ".")
