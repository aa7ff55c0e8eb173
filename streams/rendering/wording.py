"""wording.toml and categories.toml -> the closed templates of the copy."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

Language = Literal["en", "zh"]

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class CategoryWords:
    """How a category is said, and the group whose backdrop it takes."""

    title: str
    phrase: str
    zh: str
    group: str

    @property
    def inside(self) -> str:
        """The title inside an English sentence: small letters unless an acronym."""
        return self.title if self.title[:2].isupper() else self.title.lower()


@cache
def wording() -> dict[str, Any]:
    """Return the tables of wording.toml."""
    return tomllib.loads((_FOLDER / "wording.toml").read_text("utf-8"))


@cache
def categories() -> dict[str, CategoryWords]:
    """Return category id -> words; "unknown" stands for any other category."""
    rows = tomllib.loads((_FOLDER / "categories.toml").read_text("utf-8"))
    return {name: CategoryWords(**row) for name, row in rows.items()}


def words_for(category: str) -> CategoryWords:
    """Return the words of a category; those of "unknown" when it is not listed."""
    known = categories()
    return known.get(category) or known["unknown"]


def find_banned(text: str, language: Language) -> tuple[str, ...]:
    """Return the banned claims that a text holds, in the order of the list.

    English claims match whole words, whatever their case; Chinese ones anywhere.
    """
    claims: list[str] = wording()["banned"][language]
    if language == "zh":
        return tuple(claim for claim in claims if claim in text)
    lowered = text.lower()
    return tuple(claim for claim in claims if _whole(claim).search(lowered))


@cache
def _whole(claim: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(claim)}(?!\w)")
