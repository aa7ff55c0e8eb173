"""drawable.toml, and [draw] of a space file -> how each value is drawn and said.

This is what a renderer can draw. A space may only hold such values, so it is refused
when it is read, and not when somebody sees ocean blue in place of espresso.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from model_export.space.drawing_rules import EVERY, LANGUAGES, faults, required

Path_ = tuple[str, ...]
Table = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Palette:
    """Five grounds from pale to darkest, and two colours that stand out."""

    ramp: tuple[str, str, str, str, str]
    accent: str
    pop: str


@dataclass(frozen=True, slots=True, eq=False)
class Badge:
    """A small mark with a word: a seal or a tag; none without a shape."""

    shape: str = ""
    bumps: int = 16
    turn: float = -6
    sign: str = ""
    corner: float = 0.18
    plate: str = ""
    """Its colour; the palette's second one when empty."""
    ink: str = ""
    words: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Tone:
    """How things are said."""

    names: tuple[str, ...]
    """Its name, then those of the tones it is like: whose headlines it takes."""
    rate: str
    pitch: str
    label: int
    arrow: bool
    words: dict[str, str]
    """Language -> the sentence that closes the body."""


@dataclass(frozen=True, slots=True, eq=False)
class Appeal:
    """Why somebody may want it."""

    headline: dict[str, dict[str, tuple[str, ...]]]
    """Language -> tone -> forms."""
    words: dict[str, str]
    """Language -> the promise that begins the body."""

    def forms(self, tone: Tone, language: str) -> tuple[str, ...]:
        """Return the headline's forms in a tone; none when there are none."""
        known = self.headline.get(language, {})
        return next((known[n] for n in (*tone.names, EVERY) if n in known), ())


class Drawings:
    """How values are drawn; `values[attribute][value]` holds what drawing needs.

    Args:
        own: tables of a space file under [draw]; they come before the bundled ones.
    """

    def __init__(self, own: Mapping[str, Any] | None = None) -> None:
        self._bundled = _bundled_tables()
        self._own: Table = dict(own or {})
        self.mistakes: list[tuple[Path_, str]] = []
        """Path in [draw], and what is wrong there."""
        self.said: Table = self._bundled["said"]
        self.ranges: dict[str, tuple[float, float, float]] = {
            name: (low, default, high)
            for name, (low, default, high) in self._bundled["range"].items()
        }
        """Lowest, default and highest value of each number."""
        self._check()
        self.values: dict[str, dict[str, Any]] = {
            attribute: self._drawn(attribute) for attribute in _MAKERS
        }
        self._check_headlines()

    def undrawable(
        self,
        categorical: Mapping[str, tuple[str, ...]],
        continuous: Mapping[str, tuple[float, float]],
        *,
        whole: bool = False,
    ) -> Iterator[tuple[Path_, str]]:
        """Yield the path of each attribute or value that is not drawn, and why.

        Args:
            categorical: attribute -> values.
            continuous: attribute -> range.
            whole: refuse attributes that the renderer does not know too, which would be
                learnt though nobody can see them.
        """
        for attribute in sorted(categorical.keys() & _MAKERS.keys()):
            known = self._names(attribute)
            for value in categorical[attribute]:
                if value not in known:
                    why = f"{value!r} cannot be drawn: expected one of {known}, or a "
                    why += f"table [draw.{attribute}.{value}]"
                    yield ("categorical", attribute, value), why
        for name, (low, _, high) in self.ranges.items():
            least, most = continuous.get(name, (low, high))
            if least < low or most > high:
                why = f"[{least}, {most}] cannot be drawn: expected a range within "
                yield ("continuous", name), f"{why}[{low}, {high}]"
        drawn = sorted(_MAKERS.keys() | self.ranges.keys())
        for kind, names in (("categorical", categorical), ("continuous", continuous)):
            for name in names.keys() - set(drawn) if whole else ():
                why = f"the renderer draws no such attribute; expected one of {drawn}, "
                why += f"or elsewhere = [{name!r}] if another renderer draws it"
                yield (kind, name), why

    def _check(self) -> None:
        for attribute, table in self._own.items():
            if attribute not in _MAKERS or not isinstance(table, dict):
                self._mistake((attribute,), f"expected tables of {tuple(_MAKERS)}")
                continue
            for name, given in table.items():
                for key, why in faults(attribute, given, self.said["banned"]):
                    self._mistake((attribute, name, *key), why)

    def _mistake(self, path: Path_, why: str) -> None:
        self.mistakes.append((("draw", *path), why))

    def _drawn(self, attribute: str) -> dict[str, Any]:
        drawn = {}
        for name in self._names(attribute):
            names_, merged = self._merged(attribute, name)
            missing = [key for key in required(attribute, merged) if key not in merged]
            maker = _MAKERS[attribute]
            if maker is _known and names_[-1] not in self._bundled[attribute]:
                missing = ["like"]
            if missing:
                self._mistake((attribute, name), f"without {missing}, or a `like`")
            elif not self.mistakes:
                drawn[name] = maker(names_, merged)
        return drawn

    def _names(self, attribute: str) -> tuple[str, ...]:
        own = self._own.get(attribute)
        names = [*self._bundled[attribute], *(own if isinstance(own, dict) else ())]
        return tuple(dict.fromkeys(names))

    def _merged(
        self, attribute: str, name: str, above: Path_ = ()
    ) -> tuple[Path_, Table]:
        """Return the names that a value is like, itself first, and all it has."""
        own = self._own.get(attribute)
        own_table = own.get(name, {}) if isinstance(own, dict) else {}
        given: Table = dict(own_table) if isinstance(own_table, dict) else {}
        like = given.pop("like", None)
        base = self._bundled[attribute].get(name)
        if like is None:
            return (name,), _deep(base, given) if base is not None else given
        known = like in self._bundled[attribute] or like in (own or {})
        if not known or like in (*above, name):
            self._mistake((attribute, name, "like"), f"{like!r} is no other value")
            return (name,), given
        names, merged = self._merged(attribute, like, (*above, name))
        return (name, *names), _deep(merged, given)

    def _check_headlines(self) -> None:
        """Every appeal has something to say in every tone and language."""
        for appeal, each in self.values["appeal"].items():
            for tone, one in self.values["tone"].items():
                for language in LANGUAGES:
                    if not each.forms(one, language):
                        self._mistake(
                            ("appeal", appeal),
                            f"no headline.{language} for the tone {tone}: expected "
                            f"headline.{language}.{tone}, or `like` in either",
                        )


@cache
def bundled() -> Drawings:
    """Return what is drawn when a space file adds nothing."""
    return Drawings()


@cache
def _bundled_tables() -> Table:
    return tomllib.loads(Path(__file__).with_name("drawable.toml").read_text("utf-8"))


def _deep(base: Table, given: Table) -> Table:
    merged = dict(base)
    for key, value in given.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _deep(base[key], value) if both else value
    return merged


def _fields(merged: Table) -> Table:
    """Return the fields of a value: its languages become `words`."""
    plain = {key: value for key, value in merged.items() if key not in LANGUAGES}
    return plain | {"words": {key: merged[key] for key in LANGUAGES if key in merged}}


def _palette(_names: Path_, merged: Table) -> Palette:
    return Palette(tuple(merged["ramp"]), merged["accent"], merged["pop"])


def _appeal(_names: Path_, merged: Table) -> Appeal:
    headline = {
        language: {
            tone: tuple(forms)
            for tone, forms in (
                given if isinstance(given, dict) else {EVERY: given}
            ).items()
        }
        for language, given in merged["headline"].items()
    }
    return Appeal(headline, _fields(merged)["words"])


def _known(names: Path_, _merged: Table) -> str:
    """Return the drawing in code that the value ends at."""
    return names[-1]


_MAKERS = {
    "layout": _known,
    "palette": _palette,
    "hero": _known,
    "appeal": _appeal,
    "tone": lambda names, merged: Tone(names, **_fields(merged)),
    "cta": lambda _names, merged: _fields(merged)["words"],
    "badge": lambda _names, merged: Badge(**_fields(merged)),
    "typography": _known,
}
