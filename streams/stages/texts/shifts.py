"""A text, its categories and its sentiment -> how preferences move."""

import re
from collections.abc import Sequence
from typing import Final

from schemas.records import CategoryShift, Text
from schemas.vocabulary import deployed
from streams.stages.texts.categories import matched_categories
from streams.stages.texts.language import Language
from streams.stages.texts.sentiment import sentiment
from streams.stages.texts.tokens import tokens

MAX_SHIFTS: Final = 8
INTENT_WEIGHT: Final = 1.0
"""A search asks for the category: as good as a click on it."""
OPINION_WEIGHT: Final = {"comment": 1.0, "review": 1.5}
"""A review comes from somebody who had the thing."""
CLEAR_SENTIMENT: Final = 0.15
"""Below it an opinion moves nothing."""
MAX_CLAUSES: Final = 40

_CLAUSE_END: Final = re.compile(
    r"[。！？!?;；\n]+|(?<=[a-z])\.\s|\b(?:but|however|although|though|whereas)\b"
    r"|但是|不过|可是|然而|只是|但",
    re.IGNORECASE,
)


def category_shifts(
    text: Text,
    cleaned: str,
    language: Language,
    matched: Sequence[str],
    polarity: float,
) -> tuple[CategoryShift, ...]:
    """Return at most 8 signed moves, in units of one click.

    Args:
        text: the record; its own category counts as a match and comes first.
        cleaned: its text, cleaned.
        language: of the text.
        matched: categories that its words speak of, the most spoken of first.
        polarity: sentiment of the whole text, -1 to 1.
    """
    given = _known(text.category)
    if text.kind == "search":
        wanted = dict.fromkeys([*given, *matched])
        return _moves(dict.fromkeys(wanted, INTENT_WEIGHT))
    weight = OPINION_WEIGHT[text.kind]
    if given or len(matched) == 1:
        # What a review names in passing ("while running") is not what it judges.
        return _moves(_clear(dict.fromkeys(given or matched, polarity), weight))
    by_category = _clause_sentiments(cleaned, language)
    judged = {each: by_category.get(each, polarity) for each in matched}
    return _moves(_clear(judged, weight))


def _known(category: str | None) -> list[str]:
    column = None if category is None else deployed().column(category)
    return [] if column is None else [deployed().categories[column]]


def _clear(judged: dict[str, float], weight: float) -> dict[str, float]:
    return {
        category: weight * polarity
        for category, polarity in judged.items()
        if abs(polarity) >= CLEAR_SENTIMENT
    }


def _moves(weights: dict[str, float]) -> tuple[CategoryShift, ...]:
    shifts = [
        CategoryShift(category=category, weight=weight)
        for category, weight in weights.items()
    ]
    return tuple(shifts[:MAX_SHIFTS])


def _clause_sentiments(cleaned: str, language: Language) -> dict[str, float]:
    """Return the mean sentiment of the clauses that speak of each category.

    "The sofa is lovely but the lamp is ugly" likes one and dislikes the other.
    """
    found: dict[str, list[float]] = {}
    clauses = [part for part in _CLAUSE_END.split(cleaned) if part.strip()]
    for clause in clauses[:MAX_CLAUSES]:
        spoken_of = matched_categories(tokens(clause, language), language)
        polarity = sentiment(clause, language) if spoken_of else 0.0
        for category in spoken_of:
            found.setdefault(category, []).append(polarity)
    means = {category: sum(all_) / len(all_) for category, all_ in found.items()}
    return {each: mean for each, mean in means.items() if abs(mean) >= CLEAR_SENTIMENT}
