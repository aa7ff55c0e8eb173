"""The categories of preferences: ids, names and the column of each."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).parent / "taxonomy.toml"


@dataclass(frozen=True)
class Taxonomy:
    """Categories in column order."""

    ids: tuple[str, ...]
    names: dict[str, dict[str, str]]
    """Category id -> language -> name."""
    words: dict[str, dict[str, tuple[str, ...]]]
    """Category id -> language -> words that point to it."""

    def __len__(self) -> int:
        return len(self.ids)

    def column(self, category: str) -> int | None:
        """Return the column of a category, or None when it is not in the taxonomy."""
        return self._columns().get(category)

    @cache  # noqa: B019 - one taxonomy a process
    def _columns(self) -> dict[str, int]:
        return {category: column for column, category in enumerate(self.ids)}

    def __hash__(self) -> int:
        return hash(self.ids)


@cache
def taxonomy() -> Taxonomy:
    """Return the bundled taxonomy (64 categories)."""
    rows = tomllib.loads(_FILE.read_text("utf-8"))["category"]
    languages = ("en", "zh")
    return Taxonomy(
        ids=tuple(row["id"] for row in rows),
        names={row["id"]: {lang: row[lang] for lang in languages} for row in rows},
        words={
            row["id"]: {lang: tuple(row.get(f"words_{lang}", ())) for lang in languages}
            for row in rows
        },
    )
