"""Words + column -> how large each part is, so that all of it fits its box."""

from dataclasses import dataclass
from functools import lru_cache

from streams.rendering.typeface import typography
from streams.rendering.wording import Language
from streams.rendering.wrapping import Lines, fit, shorten

_STEPS = (1.0, 0.94, 0.88, 0.82, 0.76, 0.7, 0.64, 0.58, 0.52, 0.46)
_COMFORTABLE = 4
"""Steps that the headline may shrink before the body is cut to its first sentence."""
_SMALLEST_BODY = 0.86


@dataclass(frozen=True, slots=True)
class Flow:
    """Lines of the headline and the body; None for a part that is not there."""

    headline: Lines | None
    body: Lines | None


@lru_cache(maxsize=32768)
def flow(
    headline: str,
    body: str,
    typeface: str,
    language: Language,
    width: float,
    height: float,
    headline_px: float,
    body_px: float,
    n_lines: int,
    gap: float,
) -> Flow:
    """Return the largest setting of headline and body in `height`, px.

    The headline shrinks a little for the whole body; then the body is cut to its
    first sentence; then the headline shrinks further; at last the body is left out.
    An empty headline or body takes no room.
    """
    faces = typography(typeface, language)
    body_px *= faces.body.optical
    short = first_sentence(body)

    def attempt(text: str, step: float) -> Flow | None:
        head = None
        left = height
        if headline:
            size = headline_px * step * faces.headline.optical
            room = min(height, n_lines * size * faces.headline.leading + 0.01)
            head = fit(headline, faces.headline, width, room, size, size * 0.999)
            if head is None:
                return None
            left -= head.height(faces.headline) + (gap if text else 0)
        if not text:
            return Flow(head, None)
        lines = fit(text, faces.body, width, left, body_px, body_px * _SMALLEST_BODY)
        return Flow(head, lines) if lines else None

    order = [(body, step) for step in _STEPS[:_COMFORTABLE]]
    order += [(short, step) for step in _STEPS]
    order += [("", step) for step in _STEPS]
    found = (attempt(text, step) for text, step in order)
    fitting = next((each for each in found if each), None)
    return fitting or _squeezed(headline, typeface, language, width, height)


def _squeezed(
    headline: str, typeface: str, language: Language, width: float, height: float
) -> Flow:
    """Return a headline for words of any length: broken anywhere, then cut."""
    face = typography(typeface, language).headline
    size = min(12.0, height / face.leading)
    return Flow(shorten(headline, face, width, size) if headline else None, None)


def first_sentence(text: str) -> str:
    """Return the text up to its first sentence mark."""
    for at, character in enumerate(text):
        if character in "。！？" or (
            character in ".!?" and text[at + 1 : at + 2] == " "
        ):
            return text[: at + 1]
    return text
