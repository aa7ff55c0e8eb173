"""Text and the tag its producer gave -> its language: zh, en or und."""

import re
import unicodedata
from typing import Final, Literal

Language = Literal["en", "zh", "und"]

MAX_CHARACTERS: Final = 4_000
IDEOGRAPH_WEIGHT: Final = 4
"""One ideograph says about as much as four Latin letters."""
_PLAUSIBLE_SHARE: Final = 0.25
_MAJORITY: Final = 0.5
_CHINESE_TAGS: Final = frozenset({"zh", "cmn", "yue", "wuu", "nan"})

_HAN: Final = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_KANA_HANGUL: Final = re.compile(r"[\u3040-\u30ff\u1100-\u11ff\uac00-\ud7af]")
_LATIN: Final = re.compile(r"[A-Za-z\u00c0-\u024f]")
_LETTER: Final = re.compile(r"[^\W\d_]")

# What could name a person: it must reach neither a keyword nor a changelog.
_PRIVATE: Final = re.compile(
    r"""
    (?:https?://|www\.)\S+              # addresses of pages
    | [\w.+-]{1,64}@[\w-]{1,64}[\w.-]*  # e-mail
    | (?<!\w)@\w+                       # handles
    | \+?\d(?:[\s().-]{0,2}\d){5,}      # telephone and card numbers
    """,
    re.VERBOSE,
)
_INVISIBLE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u2060\ufeff]")


def clean(text: str) -> str:
    """Return a text of one width, without what could name a person, at most 4,000 long.

    Full-width forms become plain ones (Unicode NFKC): one word has one spelling.
    """
    well_formed = text[:MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
    plain = unicodedata.normalize("NFKC", well_formed).replace("\u2019", "'")
    public = _PRIVATE.sub(" ", _INVISIBLE.sub("", plain))
    return public[:MAX_CHARACTERS].strip()


def language_of(text: str, tag: str | None = None) -> Language:
    """Return the language of a text by its script; a plausible tag decides.

    Args:
        text: what was written.
        tag: BCP 47 tag of the producer, or None. It is believed when its script makes
            up a quarter of the text; a tag of a third language leaves a Latin text
            undetermined.

    >>> language_of("iPhone 15 手机壳"), language_of("running shoes"), language_of("👍")
    ('zh', 'en', 'und')
    """
    han = IDEOGRAPH_WEIGHT * len(_HAN.findall(text))
    latin = len(_LATIN.findall(text))
    kana_hangul = IDEOGRAPH_WEIGHT * len(_KANA_HANGUL.findall(text))
    others = len(_LETTER.findall(text)) - (han + kana_hangul) // 4 - latin
    total = han + latin + kana_hangul + max(0, others)
    if not total or 4 * kana_hangul > han + kana_hangul:
        return "und"
    return _tagged(tag, han / total, latin / total) or _by_script(
        han / total, latin / total
    )


def _tagged(tag: str | None, han_share: float, latin_share: float) -> Language | None:
    """Return what a tag decides, or None when it decides nothing."""
    primary = (tag or "").replace("_", "-").split("-")[0].lower()
    if primary in _CHINESE_TAGS and han_share >= _PLAUSIBLE_SHARE:
        return "zh"
    if primary == "en" and latin_share >= _PLAUSIBLE_SHARE:
        return "en"
    if primary in _CHINESE_TAGS | {"", "en", "und"}:
        return None
    return "und" if latin_share > han_share or primary in {"ja", "ko"} else None


def _by_script(han_share: float, latin_share: float) -> Language:
    if max(han_share, latin_share) < _MAJORITY:
        return "und"
    return "zh" if han_share >= latin_share else "en"
