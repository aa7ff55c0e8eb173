"""Designs as columns + briefs -> the hard rules they break, as bits.

A rule is a bit, 64 of them a word. Each value of an attribute has the bits of the rules
whose conditions it meets; what a design breaks is the AND over its values, the numbers'
bounds and its category: a few operations for all rules and all designs. The last bit is
a rule for one person: no style that they are tired of.
"""

import numpy as np
from numpy.typing import NDArray

from model_export.space.brand_rules import Rule
from model_export.space.design_space import DesignSpace
from streams.stages.creatives.briefs import Briefs
from streams.stages.creatives.tired_styles import TiredStyles

TIRED = "tired-style"
"""Name of the last rule."""

Words = NDArray[np.uint64]

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
