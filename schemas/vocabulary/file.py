"""Text of a vocabulary file (TOML) -> a vocabulary, or every mistake with its line."""

import difflib
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from schemas.vocabulary.content import Category, Placement, Size, Vocabulary

FORMAT = 1
MAX_CATEGORIES = 512
"""As many as the compiled fold finds by hash, with room to spare."""
MAX_SURFACES = 14
"""Exposures on them and on unnamed ones: a length of one byte in the changelog."""
MAX_PLACEMENTS = 255
"""A row of the requests stage names a placement by one byte."""
MAX_SIDE_PX = 4_096

_TABLES = ("language", "surface", "size", "placement", "group", "category")
_OWN_KEYS: dict[str, frozenset[str]] = {
    "language": frozenset({"name"}),
    "surface": frozenset({"name"}),
    "size": frozenset({"width_px", "height_px", "surfaces"}),
    "placement": frozenset({"surface"}),
    "group": frozenset(),
    "category": frozenset({"parent"}),
}
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_SYMBOL = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
"""Surfaces are symbols of an Avro enum."""
_HEADER = re.compile(r"\s*\[\[?\s*([A-Za-z_]+)\s*\]\]?")


class VocabularyError(ValueError):
    """A vocabulary is wrong; names everything that is, a line each."""


def parse(text: str, origin: str = "vocabulary") -> Vocabulary:
    """Return the vocabulary of a file.

    Raises:
        VocabularyError: the file is wrong; one line for each mistake.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise VocabularyError(f"{origin}: not TOML: {error}") from error
    reader = _Reader(_Lines(text))
    found = reader.read(raw)
    if reader.mistakes:
        ordered = sorted(reader.mistakes)
        raise VocabularyError("\n".join(f"{origin}:{n}: {say}" for n, say in ordered))
    return found


class _Lines:
    """Where the entries of a file are: tomllib does not say."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        self._starts: dict[str, list[int]] = {}
        for number, line in enumerate(self._lines):
            header = _HEADER.match(line)
            if header:
                self._starts.setdefault(header[1], []).append(number)
        self._ends = sorted(sum(self._starts.values(), [len(self._lines)]))

    def of(self, table: str, index: int = 0, key: str | None = None) -> int:
        """Return the line, from 1, of a key in the nth table of that name."""
        starts = self._starts.get(table, [])
        if index >= len(starts):
            return 1
        start = starts[index]
        end = next(line for line in self._ends if line > start)
        named = re.compile(rf"""\s*["']?{re.escape(key or "")}["']?\s*=""")
        for number in range(start + 1, end):
            if key is not None and named.match(self._lines[number]):
                return number + 1
        return start + 1


@dataclass
class _Entry:
    """One entry of a table."""

    table: str
    index: int
    id: str
    raw: dict[str, Any] = field(default_factory=dict)


class _Reader:
    """Reads the tables in order and keeps every mistake with its line."""

    def __init__(self, lines: _Lines) -> None:
        self.mistakes: list[tuple[int, str]] = []
        self._lines = lines
        self._languages: list[str] = []

    def read(self, raw: dict[str, Any]) -> Vocabulary:
        if raw.get("format") != FORMAT:
            self._add(1, f"format: expected {FORMAT}, got {raw.get('format')!r}")
        for key in raw.keys() - {"format", "maps", *_TABLES}:
            line = self._lines.of(key)
            expected = ", ".join(("format", *_TABLES, "maps"))
            self._add(line, f"{key}: unknown; expected one of {expected}")
        entries = {table: self._entries(table, raw.get(table, [])) for table in _TABLES}
        self._languages = [entry.id for entry in entries["language"]]
        for table in _TABLES:
            for entry in entries[table]:
                self._check_keys(entry)
        ids = {table: {entry.id for entry in found} for table, found in entries.items()}
        found = Vocabulary(
            languages={
                one.id: str(one.raw.get("name", one.id)) for one in entries["language"]
            },
            surfaces=tuple(entry.id for entry in entries["surface"]),
            sizes={one.id: self._size(one, ids) for one in entries["size"]},
            placements={
                one.id: self._placement(one, ids) for one in entries["placement"]
            },
            groups={one.id: self._names(one) for one in entries["group"]},
            entries={one.id: self._category(one, ids) for one in entries["category"]},
            maps=self._maps(raw.get("maps", {}), ids["category"]),
        )
        self._check_counts(entries)
        self._check_surfaces(entries, found)
        self._check_cycles(entries["category"], found)
        return found

    # -- tables -------------------------------------------------------------------

    def _entries(self, table: str, rows: Any) -> list[_Entry]:
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            self._add(self._lines.of(table), f"{table}: write each as [[{table}]]")
            return []
        found: dict[str, _Entry] = {}
        for index, row in enumerate(rows):
            entry = _Entry(table, index, str(row.get("id", "")), row)
            shape = _SYMBOL if table == "surface" else _ID
            if not shape.fullmatch(entry.id):
                expected = "letters, digits and _, as Avro enums have it"
                if table != "surface":
                    expected = "1 to 64 letters, digits, _, . or -"
                self._note(entry, "id", f"expected {expected}, got {row.get('id')!r}")
            elif entry.id in found:
                first = self._lines.of(table, found[entry.id].index, "id")
                self._note(entry, "id", f"is taken already, on line {first}")
            else:
                found[entry.id] = entry
        return list(found.values())

    def _check_keys(self, entry: _Entry) -> None:
        known = {"id", *_OWN_KEYS[entry.table], *self._text_keys(entry.table)}
        for key in entry.raw.keys() - known:
            self._note(entry, key, f"unknown; expected {', '.join(sorted(known))}")
        for key in ("name",) if entry.table in ("language", "surface") else ():
            self._text(entry, key)

    def _text_keys(self, table: str) -> Iterator[str]:
        if table in ("group", "category"):
            yield from self._languages
        if table == "category":
            for prefix in ("words", "title", "phrase"):
                yield from (f"{prefix}_{language}" for language in self._languages)

    def _size(self, entry: _Entry, ids: dict[str, set[str]]) -> Size:
        sides = {}
        for key in ("width_px", "height_px"):
            side = entry.raw.get(key)
            if type(side) is not int or not 0 < side <= MAX_SIDE_PX:
                self._note(entry, key, f"expected 1 to {MAX_SIDE_PX} px, got {side!r}")
                side = 1
            sides[key] = side
        surfaces = entry.raw.get("surfaces")
        if not isinstance(surfaces, list) or not surfaces:
            self._note(entry, "surfaces", f"expected some surfaces, got {surfaces!r}")
            surfaces = []
        for surface in surfaces:
            self._check_reference(entry, "surfaces", surface, ids["surface"])
        return Size(entry.id, **sides, surfaces=tuple(map(str, surfaces)))

    def _placement(self, entry: _Entry, ids: dict[str, set[str]]) -> Placement:
        surface = entry.raw.get("surface")
        self._check_reference(entry, "surface", surface, ids["surface"])
        return Placement(entry.id, str(surface))

    def _category(self, entry: _Entry, ids: dict[str, set[str]]) -> Category:
        parent = entry.raw.get("parent")
        if parent is not None:
            known = ids["group"] | ids["category"]
            self._check_reference(entry, "parent", parent, known)
        titles = self._said(entry, "title")
        return Category(
            entry.id,
            names=self._names(entry),
            words={one: self._words(entry, one) for one in self._languages},
            titles=titles,
            phrases=titles | self._said(entry, "phrase"),
            parent=parent,
        )

    def _names(self, entry: _Entry) -> dict[str, str]:
        return {language: self._text(entry, language) for language in self._languages}

    def _said(self, entry: _Entry, prefix: str) -> dict[str, str]:
        keys = {language: f"{prefix}_{language}" for language in self._languages}
        return {
            language: self._text(entry, key)
            for language, key in keys.items()
            if key in entry.raw
        }

    def _words(self, entry: _Entry, language: str) -> tuple[str, ...]:
        words = entry.raw.get(f"words_{language}", [])
        if not isinstance(words, list) or not all(
            isinstance(word, str) and word for word in words
        ):
            got = f"expected a list of words, got {words!r}"
            self._note(entry, f"words_{language}", got)
            return ()
        return tuple(words)

    def _text(self, entry: _Entry, key: str) -> str:
        text = entry.raw.get(key)
        if isinstance(text, str) and text.strip():
            return text
        self._note(entry, key, f"expected a text, got {text!r}")
        return ""

    def _maps(self, table: Any, categories: set[str]) -> dict[str, str]:
        if not isinstance(table, dict):
            self._add(self._lines.of("maps"), f"maps: expected a table, got {table!r}")
            return {}
        for name, home in table.items():
            line = self._lines.of("maps", 0, name)
            if name in categories:
                self._add(line, f"maps {name}: is a category itself; retire it first")
            if home not in categories:
                self._add(line, f"maps {name}: {home!r} is not a category of this file")
        return {str(name): home for name, home in table.items() if home in categories}

    # -- across entries ---------------------------------------------------------------

    def _check_reference(
        self, entry: _Entry, key: str, name: Any, known: set[str]
    ) -> None:
        if name not in known:
            close = difflib.get_close_matches(str(name), known) or sorted(known)[:8]
            self._note(entry, key, f"{name!r} is unknown; known: {', '.join(close)}")

    def _check_counts(self, entries: dict[str, list[_Entry]]) -> None:
        most = {
            "category": MAX_CATEGORIES,
            "surface": MAX_SURFACES,
            "placement": MAX_PLACEMENTS,
        }
        for table in _TABLES:
            n = len(entries[table])
            if not n and table != "group":
                self._add(1, f"{table}: expected at least one [[{table}]]")
            if n > most.get(table, n):
                extra = entries[table][most[table]]
                self._note(extra, "id", f"is one too many: expected {most[table]}")

    def _check_surfaces(
        self, entries: dict[str, list[_Entry]], found: Vocabulary
    ) -> None:
        for entry in entries["surface"]:
            if not any(entry.id in size.surfaces for size in found.sizes.values()):
                self._note(entry, "id", "has no [[size]]: name it in one's `surfaces`")
            if all(one.surface != entry.id for one in found.placements.values()):
                self._note(entry, "id", "has no [[placement]], so nothing is shown")

    def _check_cycles(self, entries: list[_Entry], found: Vocabulary) -> None:
        for entry in entries:
            name, seen = found.entries[entry.id].parent, {entry.id}
            while name in found.entries and name not in seen:
                seen.add(name)
                name = found.entries[name].parent
            if name == entry.id:
                self._note(entry, "parent", "is its own ancestor")

    def _note(self, entry: _Entry, key: str, problem: str) -> None:
        line = self._lines.of(entry.table, entry.index, key)
        name = entry.id or f"number {entry.index + 1}"
        self._add(line, f"{entry.table} {name}: {key}: {problem}")

    def _add(self, line: int, mistake: str) -> None:
        self.mistakes.append((line, mistake))
