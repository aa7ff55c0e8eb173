"""A creative space: designs <-> vectors, random designs, sampling, hard rules.

A design vector has one one-hot block for each categorical attribute, then one column
in [0, 1] for each continuous one: float32[D], D = NV + NC. Numpy only: training and
serving share this file, so that both mean the same by a vector.
"""

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate, repeat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model_export.space import brand_rules, space_file
from model_export.space.brand_rules import Rule
from model_export.space.space_file import SpaceError
from schemas.records import Design

__all__ = ["BUNDLED", "DesignSpace", "SpaceError", "load"]

BUNDLED = Path(__file__).parent / "creative_space.toml"

Vectors = NDArray[np.float32]

_DECIMALS = 4
"""Decimals of a continuous value in a design: its bytes are the same everywhere."""

_MAX_ROUNDS = 1_000
"""Draws of `random` per design before the rules are taken to forbid everything."""


class DesignSpace:
    """The attributes of a design and the rules over them.

    Args:
        text: content of a space file (docs/generators.md has the format).
        origin: name of the file, for messages.
        whole: refuse attributes that nobody draws too.

    Raises:
        SpaceError: the file is wrong; names every mistake.
    """

    def __init__(
        self, text: str, origin: str = "space file", *, whole: bool = False
    ) -> None:
        parsed = space_file.parse(text, origin, whole=whole)
        self.source = text
        self.name = parsed.name
        self.drawings = parsed.drawings
        self.categorical = parsed.categorical
        self.continuous = parsed.continuous
        self.n_logits = sum(map(len, self.categorical.values()))
        self.n_continuous = len(self.continuous)
        self.size = self.n_logits + self.n_continuous
        self._forbidden = parsed.forbidden
        self.slices = self._slices()
        self._columns = {
            (attribute, value): self.slices[attribute].start + position
            for attribute, values in self.categorical.items()
            for position, value in enumerate(values)
        }
        self._values = [value for _, value in self._columns]
        self._low = np.array([low for low, _ in self.continuous.values()])
        self._width = np.array([high - low for low, high in self.continuous.values()])
        self.rules = tuple(
            Rule.of(entry, self._columns, self.slices, self.continuous)
            for entry in self._forbidden
        )

    @property
    def rule_names(self) -> tuple[str, ...]:
        """Names of the hard rules, in the order of `violations`' columns."""
        return tuple(rule.name for rule in self.rules)

    @cached_property
    def digest(self) -> str:
        """Sha256 of what the file means: the same whatever its comments and layout."""
        content = {
            "name": self.name,
            "categorical": list(self.categorical.items()),
            "continuous": list(self.continuous.items()),
            "forbid": [
                [
                    entry.name,
                    list(entry.categories),
                    [
                        [part.attribute, list(part.values), part.below, part.above]
                        for part in entry.conditions
                    ],
                ]
                for entry in self._forbidden
            ],
        }
        canonical = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def encode(self, designs: Sequence[Design]) -> Vectors:
        """Return designs as vectors float32[n, D].

        Raises:
            SpaceError: an attribute is missing or unknown, or a value is outside the
                space.
        """
        vectors = np.zeros((len(designs), self.size), np.float32)
        for row, design in enumerate(designs):
            vectors[row] = self._vector(design)
        return vectors

    def decode(self, vectors: Vectors) -> list[Design]:
        """Return vectors float32[n, D] as designs.

        The largest value of a block is taken; continuous values are clipped to their
        range and rounded to four decimals.
        """
        columns = [
            vectors[:, block].argmax(1) + block.start
            for block in list(self.slices.values())[: len(self.categorical)]
        ]
        return self.designs(
            np.array(columns, np.intp).reshape(len(columns), len(vectors)),
            vectors[:, self.n_logits :],
        )

    def designs(
        self, columns: NDArray[np.intp], continuous: NDArray[np.float32]
    ) -> list[Design]:
        """Return designs given by their one-hot columns.

        Args:
            columns: [A, n], the column that is set for each categorical attribute.
            continuous: float32[n, NC]; clipped and rounded as `decode` does.
        """
        own_units = self.own_units(continuous).tolist()
        names, keys = tuple(self.categorical), tuple(self.continuous)
        words = [[self._values[column] for column in row] for row in columns.tolist()]
        chosen = zip(*words, strict=True) if words else repeat((), len(continuous))
        return [
            Design(
                categorical=dict(zip(names, values, strict=True)),
                continuous=dict(zip(keys, numbers, strict=True)),
            )
            for values, numbers in zip(chosen, own_units, strict=True)
        ]

    def own_units(self, continuous: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return continuous values [n, NC] in their own units, as designs have them.

        Args:
            continuous: float32[n, NC]; clipped to [0, 1].
        """
        scaled = np.clip(continuous.astype(np.float64), 0.0, 1.0)
        own_units: NDArray[np.float64] = self._low + scaled * self._width
        return own_units.round(_DECIMALS)

    def random(
        self,
        n: int,
        rng: np.random.Generator,
        categories: Sequence[str | None] | None = None,
    ) -> Vectors:
        """Return n designs drawn uniformly from the legal ones: float32[n, D].

        Args:
            n: how many.
            rng: source of randomness.
            categories: advertised category of each; None: only the rules for all
                categories count.

        Raises:
            SpaceError: the rules leave next to nothing.
        """
        vectors = np.zeros((n, self.size), np.float32)
        missing = np.arange(n)
        for _ in range(_MAX_ROUNDS):
            if not len(missing):
                return vectors
            scores = rng.random((len(missing), self.n_logits))
            drawn = self.harden(scores, rng.random((len(missing), self.n_continuous)))
            wanted = (
                None if categories is None else [categories[int(i)] for i in missing]
            )
            legal = ~self.violations(drawn, wanted).any(1)
            vectors[missing[legal]] = drawn[legal]
            missing = missing[~legal]
        raise SpaceError(
            f"{self.name}: no legal design in {_MAX_ROUNDS} random ones; "
            f"loosen the rules {self.rule_names}"
        )

    def sample(
        self,
        logits: NDArray[np.float32],
        continuous: NDArray[np.float32],
        temperature: float | NDArray[np.floating],
        rng: np.random.Generator,
    ) -> Vectors:
        """Return one design drawn from each row of a generator's output.

        Each attribute is drawn from softmax(logits / temperature) by the Gumbel-max
        trick (Maddison, Tarlow, Minka 2014, "A* Sampling"); temperature 0 takes the
        most likely value.

        Args:
            logits: float32[n, NV].
            continuous: float32[n, NC], in [0, 1].
            temperature: one for all rows, or [n, 1]; not negative.
            rng: source of randomness.
        """
        noise = rng.gumbel(size=logits.shape)
        return self.harden(logits + temperature * noise, continuous)

    def harden(
        self, scores: NDArray[np.floating], continuous: NDArray[np.floating]
    ) -> Vectors:
        """Return designs float32[n, D]: each block's best score one-hot.

        Args:
            scores: [n, NV].
            continuous: [n, NC]; clipped to [0, 1].
        """
        vectors = np.zeros((len(scores), self.size), np.float32)
        rows = np.arange(len(scores))
        for attribute in self.categorical:
            block = self.slices[attribute]
            vectors[rows, block.start + scores[:, block].argmax(1)] = 1.0
        vectors[:, self.n_logits :] = np.clip(continuous, 0.0, 1.0)
        return vectors

    def violations(
        self, vectors: Vectors, categories: Sequence[str | None] | None = None
    ) -> NDArray[np.bool_]:
        """Return which hard rule each design breaks: bool[n, n_rules].

        Args:
            vectors: float32[n, D].
            categories: advertised category of each row; None, for all or for one:
                only the rules for all categories count.
        """
        return brand_rules.violations(self.rules, vectors, categories)

    def _slices(self) -> dict[str, slice]:
        sizes = {name: len(values) for name, values in self.categorical.items()}
        sizes |= dict.fromkeys(self.continuous, 1)
        ends = accumulate(sizes.values())
        return {
            name: slice(end - size, end)
            for (name, size), end in zip(sizes.items(), ends, strict=True)
        }

    def _vector(self, design: Design) -> Vectors:
        if (
            design.categorical.keys() != self.categorical.keys()
            or design.continuous.keys() != self.continuous.keys()
        ):
            raise SpaceError(
                f"design with {sorted([*design.categorical, *design.continuous])}: "
                f"expected the attributes of {self.name}, {sorted(self.slices)}"
            )
        vector = np.zeros(self.size, np.float32)
        for pair in design.categorical.items():
            if pair not in self._columns:
                raise SpaceError(
                    f"design with {pair[0]} = {pair[1]!r}: expected one of "
                    f"{self.categorical[pair[0]]}"
                )
            vector[self._columns[pair]] = 1.0
        if self.continuous:
            own_units = np.array([design.continuous[key] for key in self.continuous])
            scaled = (own_units - self._low) / self._width
            # Rounding to four decimals may step over a bound of a narrow range.
            slack = 10.0**-_DECIMALS / self._width
            inside = (scaled >= -slack) & (scaled <= 1.0 + slack)
            if not inside.all():
                raise SpaceError(
                    f"design with {design.continuous}: expected values within "
                    f"{self.continuous}"
                )
            vector[self.n_logits :] = np.clip(scaled, 0.0, 1.0)
        return vector


def load(path: Path | None = None) -> DesignSpace:
    """Return the creative space of a file; the bundled one without a path.

    Raises:
        SpaceError: the file cannot be read, or is wrong; names every mistake.
    """
    path = path or BUNDLED
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpaceError(f"cannot read the creative space {path}: {error}") from error
    return DesignSpace(text, str(path), whole=True)
