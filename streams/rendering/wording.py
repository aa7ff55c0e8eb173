"""The vocabulary -> how a category is said."""

import zlib
from dataclasses import dataclass
from functools import cache
from typing import Literal

from schemas.vocabulary import bundled, deployed

Language = Literal["en", "zh"]


@dataclass(frozen=True, slots=True)
class CategoryWords:
    """How a category is said, and the group whose backdrop it takes."""

    title: str
    phrase: str
    zh: str
    group: str
    number: int = 0
    """Makes drawings of one group differ; that of a bundled category never changes."""

    @property
    def inside(self) -> str:
        """The title inside an English sentence: small letters unless an acronym."""
        return self.title if self.title[:2].isupper() else self.title.lower()


UNKNOWN = CategoryWords("Good finds", "Good finds", "好物", "home")


@cache
def words_for(category: str) -> CategoryWords:
    """Return the words of a category; any other one is said as "Good finds".

    A category without a title that fits is said as its parent is, where that has one.
    """
    entry = deployed().entries.get(category)
    if entry is None:
        return UNKNOWN
    lineage = list(deployed().lineage(category))
    said = [entry, *(deployed().entries[one] for one in lineage[:-1])]
    titled = next((one for one in said if {"en", "zh"} <= one.titles.keys()), None)
    group = lineage[-1] if lineage else UNKNOWN.group
    titles = titled.titles if titled else {"en": UNKNOWN.title, "zh": UNKNOWN.zh}
    phrases = titled.phrases if titled else titles
    number = _number_of(category)
    return CategoryWords(titles["en"], phrases["en"], titles["zh"], group, number)


def _number_of(category: str) -> int:
    column = bundled().column(category)
    return zlib.crc32(category.encode()) % 1_000 if column is None else column + 1
