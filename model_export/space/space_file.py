"""Text of a creative space file (TOML) -> checked content, or every error at once."""

import math
import tomllib
from dataclasses import dataclass, field
from typing import Any

from model_export.space.drawings import Drawings
from model_export.space.toml_lines import line_of
from schemas.vocabulary import deployed

MAX_COLUMNS = 4_096
"""Most columns of a design vector: a bound on what a file can make us allocate."""

_LEAST_VALUES = 2
_CATEGORICAL = "categorical"


class SpaceError(ValueError):
    """A creative space, or a design, is wrong; names everything that is."""


@dataclass(frozen=True)
class Condition:
    """One condition of a rule, in the attribute's own units."""

    attribute: str
    values: tuple[str, ...] = ()
    below: float | None = None
    above: float | None = None


@dataclass(frozen=True)
class Forbidden:
    """One `[[forbid]]` entry."""

    name: str
    conditions: tuple[Condition, ...]
    categories: tuple[str, ...] = ()


@dataclass
class SpaceFile:
    """What a space file says."""

    name: str = ""
    categorical: dict[str, tuple[str, ...]] = field(default_factory=dict)
    continuous: dict[str, tuple[float, float]] = field(default_factory=dict)
    forbidden: list[Forbidden] = field(default_factory=list)
    drawings: Drawings = field(default_factory=Drawings)
    elsewhere: tuple[str, ...] = ()
    """Attributes that somebody else's renderer draws."""


def parse(text: str, origin: str = "space file", *, whole: bool = False) -> SpaceFile:
    """Return the content of a creative space file.

    Args:
        text: the file.
        origin: its name, for messages.
        whole: refuse attributes that nobody draws too, as models do not care.

    Raises:
        SpaceError: the file is wrong; the message has file and line of each mistake.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpaceError(f"{origin} is not TOML: {error}") from error
    reader = _Reader()
    reader.read(raw, whole=whole)
    if reader.mistakes:
        lines = "\n".join(
            f"  {origin}:{line_of(text, path)}: {mistake}"
            for path, mistake in reader.mistakes
        )
        raise SpaceError(f"{origin} is wrong:\n{lines}\nsee docs/generators.md")
    return reader.file


class _Reader:
    """Reads the parts of a file in order and keeps every mistake."""

    def __init__(self) -> None:
        self.file = SpaceFile()
        self.mistakes: list[tuple[tuple[str, ...], str]] = []
        """Path of keys, and what is wrong there."""
        self._at: tuple[str, ...] = ()
        """Path of the rule being read."""

    def read(self, raw: dict[str, Any], *, whole: bool) -> None:
        known = ("name", "categorical", "continuous", "forbid", "draw", "elsewhere")
        for key in raw:
            if key not in known:
                self._mistake(f"{key}: unknown; expected one of {known}", key)
        self._read_name(raw.get("name"))
        self._read_categorical(raw.get("categorical", {}))
        self._read_continuous(raw.get("continuous", {}))
        self._check_size()
        self._read_draw(raw.get("draw", {}), raw.get("elsewhere", []), whole=whole)
        forbidden = raw.get("forbid", [])
        if not isinstance(forbidden, list):
            self._mistake("forbid: write each rule as [[forbid]]", "forbid")
            return
        for number, entry in enumerate(forbidden, 1):
            self._read_forbidden(number, entry)
        names = [entry.name for entry in self.file.forbidden]
        for name in sorted({name for name in names if names.count(name) > 1}):
            self._mistake(f"forbid {name}: two rules have this name", "forbid", name)

    def _mistake(self, message: str, *path: str) -> None:
        self.mistakes.append((path, message))

    def _read_draw(self, own: Any, elsewhere: Any, *, whole: bool) -> None:
        if not isinstance(own, dict) or not isinstance(elsewhere, list):
            self._mistake("expected tables under draw, and a list elsewhere", "draw")
            return
        drawings = self.file.drawings = Drawings(own)
        self.file.elsewhere = tuple(map(str, elsewhere))
        for path, why in drawings.mistakes:
            self._mistake(f"{'.'.join(path)}: {why}", *path)
        found = drawings.undrawable(
            self.file.categorical, self.file.continuous, whole=whole
        )
        for path, why in found:
            if path[1] in self.file.elsewhere:
                continue
            self._mistake(f"{'.'.join(path[:2])}: {why}", *path)

    def _read_name(self, name: Any) -> None:
        if isinstance(name, str) and name:
            self.file.name = name
        else:
            self._mistake(f"name: expected a text, got {name!r}", "name")

    def _read_categorical(self, table: Any) -> None:
        if not isinstance(table, dict):
            self._mistake(f"categorical: expected a table, got {table!r}", _CATEGORICAL)
            return
        for attribute, values in table.items():
            good = (
                isinstance(values, list)
                and len(values) >= _LEAST_VALUES
                and all(isinstance(value, str) and value for value in values)
                and len(set(values)) == len(values)
            )
            if good:
                self.file.categorical[attribute] = tuple(values)
            else:
                self._mistake(
                    f"categorical.{attribute}: expected two or more different texts, "
                    f"got {values!r}",
                    _CATEGORICAL,
                    attribute,
                )

    def _read_continuous(self, table: Any) -> None:
        if not isinstance(table, dict):
            self._mistake(f"continuous: expected a table, got {table!r}", "continuous")
            return
        for attribute, bounds in table.items():
            if attribute in self.file.categorical:
                self._mistake(
                    f"continuous.{attribute}: is categorical too",
                    "continuous",
                    attribute,
                )
            if isinstance(bounds, list) and _is_range(bounds):
                self.file.continuous[attribute] = (float(bounds[0]), float(bounds[1]))
            else:
                self._mistake(
                    f"continuous.{attribute}: expected [low, high] with low < high, "
                    f"got {bounds!r}",
                    "continuous",
                    attribute,
                )

    def _check_size(self) -> None:
        n_columns = sum(map(len, self.file.categorical.values())) + len(
            self.file.continuous
        )
        if not n_columns and not self.mistakes:
            self._mistake("no attributes: expected [categorical], [continuous]")
        if n_columns > MAX_COLUMNS:
            self._mistake(f"{n_columns} columns: expected {MAX_COLUMNS} at most")

    def _read_forbidden(self, number: int, entry: Any) -> None:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            self._mistake(
                f"forbid number {number}: expected a name", "forbid", str(number)
            )
            return
        name = entry["name"]
        self._at = ("forbid", str(number))
        categories = self._read_categories(name, entry.get("category", []))
        conditions = [
            self._read_condition(name, attribute, condition)
            for attribute, condition in entry.items()
            if attribute not in ("name", "category")
        ]
        if not conditions:
            self._mistake(
                f"forbid {name}: no condition, so nothing is legal", *self._at
            )
        self.file.forbidden.append(
            Forbidden(
                name=name,
                conditions=tuple(filter(None, conditions)),
                categories=categories,
            )
        )

    def _read_categories(self, rule: str, categories: Any) -> tuple[str, ...]:
        if not isinstance(categories, list):
            self._mistake(
                f"forbid {rule}.category: expected a list", *self._at, "category"
            )
            return ()
        for category in categories:
            if category not in deployed().categories:
                self._mistake(
                    f"forbid {rule}.category: {category!r} is not in the vocabulary",
                    *self._at,
                    "category",
                    str(category),
                )
        return tuple(str(category) for category in categories)

    def _read_condition(
        self, rule: str, attribute: str, condition: Any
    ) -> Condition | None:
        where = f"forbid {rule}.{attribute}"
        if attribute in self.file.categorical:
            return self._read_values(where, attribute, condition)
        if attribute in self.file.continuous:
            return self._read_bounds(where, attribute, condition)
        self._mistake(f"{where}: no such attribute", *self._at, attribute)
        return None

    def _read_values(
        self, where: str, attribute: str, condition: Any
    ) -> Condition | None:
        known = self.file.categorical[attribute]
        values = condition.get("is") if isinstance(condition, dict) else None
        good = isinstance(values, list) and values and len(condition) == 1
        if not good or any(value not in known for value in values or ()):
            self._mistake(
                f"{where}: expected {{ is = [...] }} with values of {known}, "
                f"got {condition!r}",
                *self._at,
                attribute,
            )
            return None
        return Condition(attribute=attribute, values=tuple(values or ()))

    def _read_bounds(
        self, where: str, attribute: str, condition: Any
    ) -> Condition | None:
        good = (
            isinstance(condition, dict)
            and bool(condition)
            and set(condition) <= {"below", "above"}
            and all(_is_number(bound) for bound in condition.values())
        )
        if not good:
            self._mistake(
                f"{where}: expected {{ below = number }}, {{ above = number }} or both,"
                f" got {condition!r}",
                *self._at,
                attribute,
            )
            return None
        return Condition(
            attribute=attribute,
            below=condition.get("below"),
            above=condition.get("above"),
        )


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
    )


def _is_range(bounds: list[Any]) -> bool:
    return (
        len(bounds) == 2  # noqa: PLR2004  # low and high
        and all(_is_number(bound) for bound in bounds)
        and bounds[0] < bounds[1]
    )
