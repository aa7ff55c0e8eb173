"""Numbers, colours and words -> pieces of SVG, every word escaped."""

import re
from functools import lru_cache
from html import escape

_MAX_TEXT = 400

_FORBIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # Unicode's control blocks
    "\ud800-\udfff"  # surrogates
    "\u202a-\u202e\u2066-\u2069"  # bidirectional overrides
    # The last two of each plane are no characters.
    + "".join(f"{chr(end - 1)}{chr(end)}" for end in range(0xFFFF, 0x110000, 0x10000))
    + "]"
)


@lru_cache(maxsize=16384)
def clean(text: str) -> str:
    """Return the text without characters that XML forbids or that turn its direction.

    Control characters, surrogates, non-characters and bidirectional overrides go;
    runs of white space become one space; at most 400 characters stay.
    """
    kept = _FORBIDDEN.sub(" ", text[: 4 * _MAX_TEXT])
    return " ".join(kept.split())[:_MAX_TEXT]


@lru_cache(maxsize=16384)
def escaped(text: str) -> str:
    """Return the text ready for an element's content or a quoted attribute."""
    return escape(clean(text), quote=True)


@lru_cache(maxsize=65536)  # a card has some hundred numbers, most of them known
def num(value: float) -> str:
    """Return a coordinate with at most two decimals: 12.50 -> 12.5, -0.0 -> 0."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def attributes(**values: float | str | None) -> str:
    """Return ` name="value"` for each value that is not None; `_` becomes `-`."""
    return "".join(
        f' {name.rstrip("_").replace("_", "-")}="'
        f'{escape(value) if isinstance(value, str) else num(value)}"'
        for name, value in values.items()
        if value is not None
    )


def tag(name: str, content: str = "", **values: float | str | None) -> str:
    """Return one element; `content` is trusted markup, attribute values are escaped."""
    if not content:
        return f"<{name}{attributes(**values)}/>"
    return f"<{name}{attributes(**values)}>{content}</{name}>"
