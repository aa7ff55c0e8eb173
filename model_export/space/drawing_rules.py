"""What a [draw] table of a space file may say, attribute by attribute."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from model_export.space import wording

LANGUAGES = ("en", "zh")
EVERY = "every"
"""The tone of headlines that fit every tone."""

Claims = Mapping[str, list[str]]

_N_RAMP, _N_LABELS = 5, 3


def _matches(pattern: str) -> Callable[[Any], bool]:
    compiled = re.compile(pattern)
    return lambda value: isinstance(value, str) and bool(compiled.fullmatch(value))


def _within(low: float, high: float) -> Callable[[Any], bool]:
    return lambda value: (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and low <= value <= high
    )


_is_hex = _matches("#[0-9a-fA-F]{6}")
_HEX = ('a colour "#rrggbb"', _is_hex)
_LIKE = ("the name of another value", lambda value: isinstance(value, str))


def _is_ramp(value: Any) -> bool:
    return (
        isinstance(value, list) and len(value) == _N_RAMP and all(map(_is_hex, value))
    )


_RULES: dict[str, dict[str, tuple[str, Callable[[Any], bool]]]] = {
    "layout": {},
    "hero": {},
    "typography": {},
    "palette": {
        "ramp": ('five colours "#rrggbb", from pale to darkest', _is_ramp),
        "accent": _HEX,
        "pop": _HEX,
    },
    "badge": {
        "shape": ("seal or tag", _matches("seal|tag")),
        "bumps": (
            "a whole number of 3 to 60",
            lambda v: type(v) is int and v in range(3, 61),
        ),
        "turn": ("degrees from -45 to 45", _within(-45, 45)),
        "sign": (
            "an SVG path in 10 x 10 units",
            _matches(r"[Mm][MmLlHhVvCcSsQqTtAaZz0-9 ,.\-]{1,999}"),
        ),
        "corner": ("a share of the height from 0 to 0.5", _within(0, 0.5)),
        "plate": _HEX,
        "ink": _HEX,
    },
    "tone": {
        "rate": ("a rate of SSML", _matches(r"x-slow|slow|medium|fast|x-fast|\d+%")),
        "pitch": (
            "a pitch of SSML",
            _matches(r"x-low|low|medium|high|x-high|[+-]\d+%"),
        ),
        "label": ("0, 1 or 2", lambda value: type(value) is int and value in (0, 1, 2)),
        "arrow": ("true or false", lambda value: isinstance(value, bool)),
    },
    "cta": {},
    "appeal": {},
}
"""Attribute -> key -> what is expected there; languages beside."""

_MOST = {
    "badge": wording.MAX_LABEL,
    "tone": wording.MAX_CLOSER,
    "appeal": wording.MAX_PROMISE,
    "cta": wording.MAX_LABEL,
}
"""Attributes with words -> characters they may have."""


def required(attribute: str, merged: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the keys that a value needs to be drawn."""
    if attribute == "badge":
        if not merged:
            return ()
        sign = ("sign",) if merged.get("shape") == "tag" else ()
        return ("shape", *sign, *LANGUAGES)
    headline = ("headline",) if attribute == "appeal" else ()
    words = LANGUAGES if attribute in _MOST else ()
    return (*_RULES[attribute], *words, *headline)


def faults(
    attribute: str, given: Any, claims: Claims
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each key of a value's table that is wrong, and why."""
    if not isinstance(given, dict):
        yield (), f"expected a table, got {given!r}"
        return
    rules = _RULES[attribute] | {"like": _LIKE}
    for key, value in given.items():
        if key in rules:
            expected, good = rules[key]
            if not good(value):
                yield (key,), f"expected {expected}, got {value!r}"
        elif key in LANGUAGES and attribute in _MOST:
            yield from _word_faults(attribute, key, value, claims)
        elif key == "headline" and attribute == "appeal":
            yield from _headline_faults(value, claims)
        else:
            yield (key,), f"unknown: expected one of {_keys(attribute)}"


def _keys(attribute: str) -> tuple[str, ...]:
    words = LANGUAGES if attribute in _MOST else ()
    headline = ("headline",) if attribute == "appeal" else ()
    return (*_RULES[attribute], "like", *words, *headline)


def _word_faults(
    attribute: str, language: str, value: Any, claims: Claims
) -> Iterator[tuple[tuple[str, ...], str]]:
    labels = [value]
    if attribute == "cta":
        if not isinstance(value, list) or len(value) != _N_LABELS:
            yield (language,), f"expected three labels, got {value!r}"
            return
        labels = value
    for label in labels:
        if why := _fault(label, language, _MOST[attribute], claims):
            yield (language, str(label)), why


def _headline_faults(
    value: Any, claims: Claims
) -> Iterator[tuple[tuple[str, ...], str]]:
    if not isinstance(value, dict) or not value.keys() <= set(LANGUAGES):
        yield ("headline",), f"expected tables of {LANGUAGES}, got {value!r}"
        return
    for language, table in value.items():
        tones = table if isinstance(table, dict) else {EVERY: table}
        for tone, forms in tones.items():
            path = ("headline", language, *((tone,) if tone != EVERY else ()))
            if not isinstance(forms, list) or not forms:
                yield path, f"expected a list of forms, got {forms!r}"
                continue
            for form in forms:
                # All but the last form may be too long: then the next one is taken.
                most = wording.MAX_HEADLINE if form is forms[-1] else 200
                if why := _fault(form, language, most, claims):
                    yield (*path, str(form)), why


def _fault(text: Any, language: str, most: int, claims: Claims) -> str:
    why = wording.fault(text, language, most)
    if not why and (found := wording.find_banned(text, language, claims)):
        why = f"claims {', '.join(found)}, which no ad may say without proof"
    return f"{why}; got {text!r}" if why else ""
