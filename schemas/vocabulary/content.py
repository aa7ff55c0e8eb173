"""What a vocabulary says: categories, placements, surfaces, sizes, languages."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from schemas.vocabulary.ids import Ids

_N_CLOSEST = 3


@dataclass(frozen=True)
class Size:
    """Width and height of a picture, CSS pixels."""

    id: str
    width_px: int
    height_px: int
    surfaces: tuple[str, ...]


@dataclass(frozen=True)
class Placement:
    """One slot that an ad server fills."""

    name: str
    surface: str


@dataclass(frozen=True)
class Category:
    """Something that people like; texts are by language."""

    id: str
    names: dict[str, str]
    words: dict[str, tuple[str, ...]]
    """Words that point to it."""
    titles: dict[str, str]
    """How an ad names it, at most 12 characters."""
    phrases: dict[str, str]
    """How an ad begins a sentence about it."""
    parent: str | None = None
    """A group or another category."""


@dataclass(frozen=True)
class Vocabulary:
    """Everything that a deployment names; ids in the order of the file."""

    languages: dict[str, str]
    """Id -> its name in itself; the first one serves where none fits."""
    surfaces: tuple[str, ...]
    sizes: dict[str, Size]
    placements: dict[str, Placement]
    groups: dict[str, dict[str, str]]
    """Id -> language -> name."""
    entries: dict[str, Category]
    maps: dict[str, str] = field(default_factory=dict)
    """Retired or foreign name of a category -> the category that stands for it."""

    @cached_property
    def ids(self) -> Ids:
        """What vectors are kept by."""
        return Ids(self.categories, self.surfaces, tuple(self.placements))

    @cached_property
    def digest(self) -> str:
        """Of the ids: what stored vectors and models carry."""
        return self.ids.digest

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """Category ids in column order."""
        return tuple(self.entries)

    @cached_property
    def columns(self) -> dict[str, int]:
        """Category, or a name that is mapped to one -> its column."""
        own = {name: column for column, name in enumerate(self.entries)}
        return {name: own[home] for name, home in self.maps.items()} | own

    @cached_property
    def names(self) -> dict[str, dict[str, str]]:
        """Category id -> language -> name."""
        return {name: entry.names for name, entry in self.entries.items()}

    @cached_property
    def words(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """Category id -> language -> words that point to it."""
        return {name: entry.words for name, entry in self.entries.items()}

    def column(self, category: str) -> int | None:
        """Return the column of a category, or None when nothing stands for it."""
        return self.columns.get(category)

    def known(self, category: str) -> str:
        """Return the id of a category, which may be named by `maps`.

        Raises:
            ValueError: it is unknown; names the closest ones.
        """
        column = self.columns.get(category)
        if column is None:
            raise ValueError(self.unknown(category))
        return self.categories[column]

    def unknown(self, category: str) -> str:
        """Return what to do about a category that is not there."""
        close = difflib.get_close_matches(category, self.columns, _N_CLOSEST)
        best = f"the closest are {', '.join(close)}" if close else "none is close"
        return (
            f"expected a category of the vocabulary {self.digest} ({best}), got "
            f"{category[:80]!r}; add it there, or to its [maps]"
        )

    def lineage(self, category: str) -> Iterator[str]:
        """Yield a category's parents, nearest first, up to its group."""
        entry = self.entries.get(category)
        while entry is not None and entry.parent is not None:
            yield entry.parent
            entry = self.entries.get(entry.parent)

    def __hash__(self) -> int:
        return hash(self.ids)
