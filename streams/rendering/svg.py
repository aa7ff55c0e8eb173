"""Numbers, colours and words -> pieces of SVG, every word escaped."""

from functools import lru_cache
from html import escape

_MAX_TEXT = 400


@lru_cache(maxsize=16384)
def clean(text: str) -> str:
    """Return the text without characters that XML forbids or that turn its direction.

    Control characters, surrogates, non-characters and bidirectional overrides go;
    runs of white space become one space; at most 400 characters stay.
    """
    kept = (c if _allowed(ord(c)) else " " for c in text[: 4 * _MAX_TEXT])
    return " ".join("".join(kept).split())[:_MAX_TEXT]


def _allowed(code: int) -> bool:
    if code < 0x20 or 0x7F <= code <= 0x9F:  # noqa: PLR2004 - Unicode's control blocks
        return False
    if 0xD800 <= code <= 0xDFFF or code & 0xFFFE == 0xFFFE:  # noqa: PLR2004
        return False
    return not (0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069)  # noqa: PLR2004


def escaped(text: str) -> str:
    """Return the text ready for an element's content or a quoted attribute."""
    return escape(clean(text), quote=True)


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
