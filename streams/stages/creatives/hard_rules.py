"""Designs as columns + briefs -> the hard rules they break, as bits.

A rule is a bit, 64 of them a word. Each value of an attribute has the bits of the rules
whose conditions it meets; what a design breaks is the AND over its values, the numbers'
bounds and its category: a few operations for all rules and all designs. The last bit is
a rule for one person: no style that they are tired of.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from model_export.space.brand_rules import Rule
from model_export.space.design_space import DesignSpace
from model_export.space.style import ATTRIBUTES, values_of
from streams.columns.ids import derived_seed
from streams.stages.creatives.answers import Briefs

TIRED = "tired-style"
"""Name of the last rule."""

Words = NDArray[np.uint64]

LEAST_LEFT = 0.25
"""Share of a category's legal designs that must be left without the tired styles."""

_NO_COLUMN = -1
_SAMPLE = 512
_REMEMBERED = 65_536

_WORD = 64
_ALL = ~np.uint64(0)


class HardRules:
    """The hard rules of a space."""

    def __init__(self, space: DesignSpace) -> None:
        self._space = space
        self._n_rules = len(space.rules) + 1
        self._n_words = -(-self._n_rules // _WORD)
        no_value = np.zeros(space.n_logits, bool)
        allowed = [self._allowed(rule) for rule in space.rules]
        self._allowing = _packed(np.stack([*allowed, no_value], 1))  # (W, NV)
        self._tired = TiredStyles(space)
        self._bounds = [
            (column - space.n_logits, bound, sign, self._without(number))
            for number, rule in enumerate(space.rules)
            for bounds, sign in ((rule.below, 1.0), (rule.above, -1.0))
            for column, bound in bounds
        ]
        named = {name for rule in space.rules for name in rule.categories}
        self._in_scope = {name: self._scope(name) for name in named}
        self._always = self._scope("")

    def broken(
        self,
        chosen: NDArray[np.intp],
        continuous: NDArray[np.float32],
        briefs: Briefs,
    ) -> Words:
        """Return what each design breaks: uint64[W, B, K].

        `DesignSpace.violations` says the same of vectors, `unpacked` has it as bools.

        Args:
            chosen: [A, B, K], the one-hot column that each categorical attribute sets.
            continuous: float32[B, K, NC], scaled to [0, 1].
            briefs: B of them.
        """
        n, k, _ = continuous.shape
        answer = np.empty((self._n_words, n, k), np.uint64)
        scopes = [self._in_scope.get(name, self._always) for name in briefs.categories]
        answer[:] = (
            np.array(scopes, np.uint64).reshape(n, self._n_words, 1).swapaxes(0, 1)
        )
        for word, allowing in enumerate(self._allowing):
            for columns in chosen:
                answer[word] &= allowing[columns]
        for column, bound, sign, others in self._bounds:
            met = sign * continuous[:, :, column] < sign * bound
            answer &= np.where(met, _ALL, others[:, None, None])
        rows = [row for row, styles in enumerate(briefs.tired_of) if styles]
        if rows:
            is_tired = self._tired.among(briefs.of(rows), chosen[:, rows])
            bit = ~self._without(self._n_rules - 1)
            answer[:, rows] |= np.where(is_tired, bit[:, None, None], np.uint64(0))
        return answer

    def unpacked(self, bits: Words) -> NDArray[np.bool_]:
        """Return bits [W, ...] as bools [..., rules]."""
        as_bytes = np.ascontiguousarray(np.moveaxis(bits, 0, -1), "<u8").view(np.uint8)
        return np.unpackbits(
            as_bytes, axis=-1, count=self._n_rules, bitorder="little"
        ).view(bool)

    def _allowed(self, rule: Rule) -> NDArray[np.bool_]:
        """Return which values meet a rule's conditions on their attribute: [NV]."""
        allowed = np.ones(self._space.n_logits, bool)
        for columns in rule.columns:
            (block,) = {
                (own.start, own.stop)
                for own in self._space.slices.values()
                if own.start <= columns[0] < own.stop
            }
            met = np.zeros(self._space.n_logits, bool)
            met[list(columns)] = True
            allowed[slice(*block)] &= met[slice(*block)]
        return allowed

    def _without(self, number: int) -> Words:
        """Return all bits but a rule's: [W]."""
        others = np.full(self._n_words, _ALL)
        others[number // _WORD] ^= np.uint64(1) << np.uint64(number % _WORD)
        return others

    def _scope(self, category: str) -> Words:
        """Return the bits of the rules that are about a category: [W]."""
        rules = self._space.rules
        scope = [not rule.categories or category in rule.categories for rule in rules]
        return _packed(np.array([[*scope, False]], bool))[:, 0]


def _packed(bools: NDArray[np.bool_]) -> Words:
    """Return bools [n, rules] as bits [W, n]."""
    n, n_rules = bools.shape
    whole = np.zeros((n, -(-n_rules // _WORD) * _WORD), bool)
    whole[:, :n_rules] = bools
    packed = np.packbits(whole, 1, bitorder="little").view("<u8")
    return np.ascontiguousarray(packed.T, np.uint64)


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
