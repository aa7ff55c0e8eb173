"""What an ad may say: lengths, the fields of a template, and claims that are banned."""

import re
from collections.abc import Mapping
from functools import cache
from string import Formatter

MAX_HEADLINE = 25
"""Characters, as OpenRTB Native 1.2 allows for a short title."""
MAX_BODY = 90
"""Characters, as OpenRTB Native 1.2 recommends for a description."""
MAX_CLOSER = 27
MAX_PROMISE = MAX_BODY - MAX_CLOSER - 1
"""Promise, space and closer make the body."""
MAX_LABEL = 20
"""Characters of a button or a badge."""

_LONGEST = {"en": {"T": 12, "t": 12, "P": 20}, "zh": {"t": 5}}
"""Most characters of a category's title and phrase."""


def fault(text: object, language: str, most: int) -> str:
    """Return what is wrong with a template; nothing when it may be said.

    Args:
        text: the template.
        language: en or zh.
        most: characters it may have once the longest category is filled in.
    """
    if not isinstance(text, str) or not text.strip() or not text.isprintable():
        return "expected a text"
    fields = {name: "x" * n for name, n in _LONGEST[language].items()}
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        return f"expected a template: {error}"
    for _, name, form, conversion in parts:
        if name is not None and (name not in fields or form or conversion):
            return f"expected fields of {', '.join(f'{{{f}}}' for f in fields)} only"
    if len(text.format(**fields)) > most:
        return f"expected at most {most} characters with the longest category"
    return ""


def find_banned(
    text: str, language: str, claims: Mapping[str, list[str]]
) -> tuple[str, ...]:
    """Return the banned claims that a text holds, in the order of the list.

    English claims match whole words, whatever their case; Chinese ones anywhere.
    """
    if language == "zh":
        return tuple(claim for claim in claims[language] if claim in text)
    lowered = text.lower()
    return tuple(claim for claim in claims[language] if _whole(claim).search(lowered))


@cache
def _whole(claim: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(claim)}(?!\w)")
