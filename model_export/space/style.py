"""A design -> its style: what a viewer takes for the same kind of ad.

Arrangement, colours and picture make a style; words, badge and type do not. A style is
written as the values of `ATTRIBUTES`: `split/ocean/person`.
"""

from collections.abc import Iterable, Mapping

ATTRIBUTES = ("layout", "palette", "hero")
"""Categorical attributes that make a style, those of them that a space has."""

MAX_NAMED = 4
"""Styles that a request names at most."""

_WITHIN, _BETWEEN = "/", ","


def style_of(categorical: Mapping[str, str]) -> str | None:
    """Return the style of a design; None when it has none that can be written.

    >>> style_of({"layout": "split", "tone": "calm", "hero": "person"})
    'split/person'
    """
    values = [categorical[name] for name in ATTRIBUTES if name in categorical]
    if not values or not all(map(_can_be_written, values)):
        return None
    return _WITHIN.join(values)


def _can_be_written(value: str) -> bool:
    return value.isprintable() and _WITHIN not in value and _BETWEEN not in value


def written(styles: Iterable[str]) -> str | None:
    """Return styles as one text; None for none.

    >>> written(["split/ocean/person", "card/sand/dots"])
    'split/ocean/person,card/sand/dots'
    """
    return _BETWEEN.join(styles) or None


def values_of(text: str) -> list[list[str]]:
    """Return the values of each style that `written` has written.

    >>> values_of("split/ocean/person,card/sand/dots")
    [['split', 'ocean', 'person'], ['card', 'sand', 'dots']]
    """
    return [one.split(_WITHIN) for one in text.split(_BETWEEN)] if text else []
