"""Design vectors + advertised categories -> which hard brand rules they break."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_export.space.space_file import Forbidden


@dataclass(frozen=True)
class Rule:
    """One rule: a design that meets every condition may not be shown."""

    name: str
    columns: tuple[tuple[int, ...], ...]
    """One tuple for each categorical condition: the one-hot columns that meet it."""
    below: tuple[tuple[int, float], ...] = ()
    """Column of a continuous attribute, scaled bound that it must be under."""
    above: tuple[tuple[int, float], ...] = ()
    """Column of a continuous attribute, scaled bound that it must be over."""
    categories: frozenset[str] = frozenset()
    """Advertised categories that the rule is about; empty: all."""

    @classmethod
    def of(
        cls,
        entry: Forbidden,
        columns: Mapping[tuple[str, str], int],
        blocks: Mapping[str, slice],
        ranges: Mapping[str, tuple[float, float]],
    ) -> "Rule":
        """Return the rule of a `[[forbid]]` entry.

        Args:
            entry: of the space file.
            columns: attribute and value -> its one-hot column.
            blocks: attribute -> its columns.
            ranges: continuous attribute -> its lowest and highest value.
        """
        values: list[tuple[int, ...]] = []
        below: list[tuple[int, float]] = []
        above: list[tuple[int, float]] = []
        for part in entry.conditions:
            if part.values:
                values.append(
                    tuple(columns[part.attribute, one] for one in part.values)
                )
            for bound, bounds in ((part.below, below), (part.above, above)):
                if bound is not None:
                    low, high = ranges[part.attribute]
                    scaled = (bound - low) / (high - low)
                    bounds.append((blocks[part.attribute].start, scaled))
        return cls(
            entry.name,
            tuple(values),
            tuple(below),
            tuple(above),
            frozenset(entry.categories),
        )

    def broken(self, vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return which designs meet the conditions, whatever their category: [n]."""
        met = np.ones(len(vectors), bool)
        for columns in self.columns:
            met &= (vectors[:, columns] > 0.5).any(1)  # noqa: PLR2004  # one-hot: 0, 1
        for column, bound in self.below:
            met &= vectors[:, column] < bound
        for column, bound in self.above:
            met &= vectors[:, column] > bound
        return met


def violations(
    rules: Sequence[Rule],
    vectors: NDArray[np.float32],
    categories: Sequence[str | None] | None,
) -> NDArray[np.bool_]:
    """Return which rule each design breaks.

    Args:
        rules: the rules.
        vectors: float32[n, D], one-hot and scaled.
        categories: advertised category of each design; None, for all or for one,
            judges by the rules for all categories only.

    Returns:
        bool[n, n_rules].
    """
    answer = np.zeros((len(vectors), len(rules)), bool)
    for position, rule in enumerate(rules):
        if rule.categories and categories is None:
            continue
        broken = rule.broken(vectors)
        if rule.categories and categories is not None:
            broken &= np.fromiter(
                (category in rule.categories for category in categories),
                bool,
                len(vectors),
            )
        answer[:, position] = broken
    return answer
