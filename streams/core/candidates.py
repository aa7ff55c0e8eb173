"""Generator outputs + seeds -> pools of candidate designs, columns for a micro-batch.

B requests with K candidates each are arrays, never objects: all draws, rules and
one-hot codes are array operations. What a request gets depends on its own row alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from model_export.design_space import DesignSpace, SpaceError
from streams.core.counter_random import Words, uniforms

Vectors = NDArray[np.float32]
Choices = NDArray[np.intp]

# Streams of `counter_random`, one for each use of a request's seed.
LATENT_STREAM = 0
SAMPLE_STREAM = 1
PICK_STREAM = 2
RANDOM_STREAM = 16
"""And the streams after it, one a round."""

_MAX_ROUNDS = 1_000
"""Rounds of uniform draws before the rules are taken to forbid everything."""


@dataclass(frozen=True)
class Pools:
    """Candidates of B requests, K each."""

    vectors: Vectors
    """float32[B, K, D]: one-hot and scaled."""
    is_legal: NDArray[np.bool_]
    """[B, K]: no hard rule forbids it; every row has one."""
    n_rejected: list[int]
    """B: candidates that hard rules dropped."""
    rejections: list[tuple[str, ...]]
    """B: names of those rules."""


class Proposer:
    """Draws candidates of one creative space and judges them by its hard rules."""

    def __init__(self, space: DesignSpace) -> None:
        self._space = space
        sizes = [len(values) for values in space.categorical.values()]
        self._n_values = np.array(sizes, np.int64)
        self._starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp)
        self._spread = self._spread_of(sizes)
        named = {name for rule in space.rules for name in rule.categories}
        self._in_scope = {name: self._scope(name) for name in named}
        self._always = self._scope("")

    def sampled(
        self,
        logits: Vectors,
        continuous: Vectors,
        temperatures: Vectors,
        seeds: Words,
    ) -> Vectors:
        """Return a design drawn from each row of a generator's output: [n, D].

        Each attribute is drawn from softmax(logits / temperature), by the inverse of
        the cumulative distribution: one random number an attribute.

        Args:
            logits: float32[n, NV], K rows for each seed, one after another.
            continuous: float32[n, NC].
            temperatures: float32[K].
            seeds: uint64[n / K].
        """
        n, n_attributes = len(logits), len(self._starts)
        if not n_attributes:
            return self._vectors(np.zeros((0, n), np.intp), continuous)
        # Values in rows, designs in columns: every operation runs along all designs.
        by_value = np.full((self._space.n_logits + 1, n), -np.inf, np.float32)
        by_value[:-1] = logits.T
        padded = by_value[self._spread]  # (A, V, n)
        padded -= padded.max(1, keepdims=True)
        padded /= np.tile(temperatures, len(seeds))
        np.exp(padded, out=padded)
        for value in range(1, padded.shape[1]):  # np.cumsum does not run along designs
            padded[:, value] += padded[:, value - 1]
        unit = uniforms(seeds, SAMPLE_STREAM, n_attributes * len(temperatures))
        drawn = np.ascontiguousarray(unit.reshape(n, n_attributes).T)  # (A, n)
        drawn *= padded[:, -1]
        chosen = (padded < drawn[:, None]).sum(1, dtype=np.uint16)
        return self._vectors(chosen.astype(np.intp), continuous)

    def uniform(self, k: int, categories: Sequence[str], seeds: Words) -> Vectors:
        """Return k designs for each seed, uniform over the legal ones: [n, k, D].

        Raises:
            SpaceError: the rules leave next to nothing.
        """
        n = len(seeds)
        vectors = np.zeros((n, k, self._space.size), np.float32)
        missing = np.ones((n, k), bool)
        for round_ in range(_MAX_ROUNDS):
            rows = np.flatnonzero(missing.any(1))
            if not len(rows):
                return vectors
            drawn = self._drawn(k, seeds[rows], RANDOM_STREAM + round_)
            wanted = [categories[row] for row in rows.tolist()]
            found = missing[rows] & ~self._broken(drawn, wanted).any(2)
            where = np.nonzero(found)
            vectors[rows[where[0]], where[1]] = drawn[where]
            missing[rows[where[0]], where[1]] = False
        raise SpaceError(
            f"{self._space.name}: no legal design in {_MAX_ROUNDS} random ones; "
            f"loosen the rules {self._space.rule_names}"
        )

    def judged(
        self, vectors: Vectors, categories: Sequence[str], seeds: Words
    ) -> Pools:
        """Return candidates with what hard rules say of them.

        A request whose every candidate is forbidden gets a legal one at random.

        Args:
            vectors: float32[B, K, D].
            categories: advertised category of each request.
            seeds: uint64[B].
        """
        broken = self._broken(vectors, categories)  # (B, K, rules)
        is_legal: NDArray[np.bool_] = ~np.any(broken, 2)
        n_rejected = (vectors.shape[1] - is_legal.sum(1)).tolist()
        lost = np.flatnonzero(~is_legal.any(1))
        if len(lost):
            wanted = [categories[row] for row in lost.tolist()]
            vectors[lost, 0] = self.uniform(1, wanted, seeds[lost])[:, 0]
            is_legal[lost, 0] = True
        names = self._space.rule_names
        by_request: NDArray[np.bool_] = np.any(broken, 1)
        rejections = [tuple(compress(names, row)) for row in by_request.tolist()]
        return Pools(vectors, is_legal, n_rejected, rejections)

    def _drawn(self, k: int, seeds: Words, stream: int) -> Vectors:
        """Return k designs for each seed, rules or not: [n, k, D]."""
        n, n_attributes = len(seeds), len(self._starts)
        width = n_attributes + self._space.n_continuous
        unit = uniforms(seeds, stream, k * width).reshape(n * k, width)
        shares = unit[:, :n_attributes].astype(np.float64)
        chosen = (shares * self._n_values).astype(np.intp).T  # (A, n k)
        vectors = self._vectors(chosen, unit[:, n_attributes:])
        return vectors.reshape(n, k, -1)

    def _vectors(self, chosen: Choices, continuous: Vectors) -> Vectors:
        """Return one-hot designs [n, D] of the values chosen [A, n]."""
        n = len(continuous)
        vectors = np.zeros((n, self._space.size), np.float32)
        rows = np.arange(n) * self._space.size
        vectors.ravel()[chosen + self._starts[:, None] + rows] = 1.0
        np.clip(continuous, 0.0, 1.0, out=vectors[:, self._space.n_logits :])
        return vectors

    def _broken(self, vectors: Vectors, categories: Sequence[str]) -> NDArray[np.bool_]:
        """Return which hard rules each candidate breaks: [B, K, rules]."""
        n, k, size = vectors.shape
        flat = vectors.reshape(n * k, size)
        rules = self._space.rules
        answer = np.zeros((n, k, len(rules)), bool)
        for position, rule in enumerate(rules):
            answer[:, :, position] = rule.broken(flat).reshape(n, k)
        scopes = [self._in_scope.get(name, self._always) for name in categories]
        answer &= np.array(scopes, bool).reshape(n, 1, len(rules))
        return answer

    def _scope(self, category: str) -> NDArray[np.bool_]:
        """Return which rules are about a category: [rules]."""
        rules = self._space.rules
        scope = [not rule.categories or category in rule.categories for rule in rules]
        return np.array(scope, bool)

    def _spread_of(self, sizes: Sequence[int]) -> Choices:
        """Return the logit of each attribute's each value; past the last, the pad."""
        spread = np.full((len(sizes), max(sizes, default=0)), self._space.n_logits)
        for row, size in enumerate(sizes):
            spread[row, :size] = np.arange(size) + self._starts[row]
        return spread.astype(np.intp)
