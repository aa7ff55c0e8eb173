"""A category + a mood -> what a simulated person writes, in English or Chinese."""

from random import Random

from schemas.vocabulary import deployed

_QUERIES = {
    "en": (
        "{word}",
        "{word} for beginners",
        "good {word} near me",
        "{word} reviews",
        "cheap {word}",
        "where to buy {word}",
        "new {word} this year",
    ),
    "zh": (
        "{word}",
        "{word}推荐",
        "{word}怎么选",
        "{word}哪个好",
        "新款{word}",
        "{word}价格",
    ),
}
_LIKED = {
    "en": (
        "I love my new {word}, great quality.",
        "Really happy with this {word}, highly recommended!",
        "The {word} I bought is wonderful and easy to use.",
        "Excellent {word}. Arrived early, works perfectly.",
    ),
    "zh": (
        "这次买的{word}很满意，质量很好。",
        "{word}非常喜欢，推荐给大家！",
        "{word}超出预期，用起来很舒服。",
    ),
}
_DISLIKED = {
    "en": (
        "Disappointed by the {word}, poor quality.",
        "The {word} broke after a week. Terrible.",
        "I regret buying this {word}, a waste of money.",
        "Awful {word}, and the service was rude.",
    ),
    "zh": (
        "{word}质量太差，很失望。",
        "这个{word}用了一周就坏了，不推荐。",
        "{word}不好用，浪费钱。",
    ),
}


def query(category: str, language: str, rng: Random) -> str:
    """Return a search query about a category."""
    return _filled(_QUERIES, category, language, rng)


def comment(category: str, language: str, rng: Random, *, liked: bool) -> str:
    """Return a comment on something of a category."""
    return _filled(_LIKED if liked else _DISLIKED, category, language, rng)


def _filled(
    forms: dict[str, tuple[str, ...]], category: str, language: str, rng: Random
) -> str:
    known = deployed()
    name = known.names[category][language]
    words = (
        name if language == "zh" else name.lower(),
        *known.words[category][language],
    )
    return rng.choice(forms[language]).format(word=rng.choice(words))
