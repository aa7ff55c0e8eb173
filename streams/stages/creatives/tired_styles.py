"""Briefs + designs as columns -> which designs are of a style to be left out."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from model_export.space.design_space import DesignSpace
from model_export.space.style import ATTRIBUTES, values_of
from streams.columns.ids import derived_seed
from streams.stages.creatives.briefs import Briefs

LEAST_LEFT = 0.25
"""Share of a category's legal designs that must be left without the tired styles."""

_NO_COLUMN = -1
_SAMPLE = 512
_REMEMBERED = 65_536


class TiredStyles:
    """Finds the designs of styles in columns.

    Args:
        space: of the designs.
    """

    def __init__(self, space: DesignSpace) -> None:
        self._space = space
        names = list(space.categorical)
        self._attributes = [names.index(name) for name in ATTRIBUTES if name in names]
        self._columns_of = lru_cache(_REMEMBERED)(self._columns)

    def among(self, briefs: Briefs, chosen: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return which designs somebody is tired of: bool[B, K].

        Args:
            briefs: B of them.
            chosen: [A, B, K], the one-hot column that each categorical attribute sets.
        """
        styles = [*map(self._columns_of, briefs.categories, briefs.tired_of)]
        most = max(map(len, styles))
        columns = np.full((len(styles), most, len(self._attributes)), _NO_COLUMN)
        for row, found in enumerate(styles):
            columns[row, : len(found)] = found
        own = chosen[self._attributes]  # (S, B, K)
        return _are(columns, own.swapaxes(0, 1))

    def _columns(self, category: str, tired_of: str) -> NDArray[np.intp]:
        """Return the columns [styles, S] of the styles that are to be left out.

        None is when that would leave too little: a creative is better than none.
        """
        known = [
            columns
            for values in values_of(tired_of)
            if (columns := self._columns_of_values(values)) is not None
        ]
        found = np.array(known, np.intp).reshape(len(known), len(self._attributes))
        is_left = ~_are(found[None], self._legal(category)[self._attributes][None])
        return found if is_left.mean() >= LEAST_LEFT else found[:0]

    def _columns_of_values(self, values: list[str]) -> list[int] | None:
        """Return the columns of a style; None for one of another space."""
        names = [list(self._space.categorical)[place] for place in self._attributes]
        if not names or len(values) != len(names):
            return None
        columns = []
        for name, value in zip(names, values, strict=True):
            if value not in self._space.categorical[name]:
                return None
            place = self._space.categorical[name].index(value)
            columns.append(self._space.slices[name].start + place)
        return columns

    def _legal(self, category: str) -> NDArray[np.intp]:
        """Return the columns [A, n] of random designs that no rule forbids."""
        rng = np.random.default_rng(derived_seed("tired of styles", category))
        vectors = self._space.random(_SAMPLE, rng, [category] * _SAMPLE)
        return np.array(
            [
                vectors[:, self._space.slices[name]].argmax(1)
                + self._space.slices[name].start
                for name in self._space.categorical
            ],
            np.intp,
        ).reshape(len(self._space.categorical), _SAMPLE)


def _are(columns: NDArray[np.intp], own: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return which designs have one of a few styles: bool[B, K].

    Args:
        columns: [B, styles, S] of the styles.
        own: [B, S, K] of the designs.
    """
    found: NDArray[np.bool_] = (own[:, None] == columns[..., None]).all(2).any(1)
    return found
