"""Generator outputs + seeds -> pools of candidate designs, columns for a micro-batch.

B requests with K candidates each are arrays, never objects: all draws, rules and
one-hot codes are array operations. What a request gets depends on its own row alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_export.space.design_space import DesignSpace, SpaceError
from streams.stages.creatives.answers import Briefs
from streams.stages.creatives.counter_random import Words, uniforms
from streams.stages.creatives.hard_rules import HardRules

Vectors = NDArray[np.float32]
Columns = NDArray[np.intp]

# Streams of `counter_random`, one for each use of a request's seed.
LATENT_STREAM = 0
SAMPLE_STREAM = 1
PICK_STREAM = 2
CATEGORY_STREAM = 3
THOMPSON_STREAM = 4
RANDOM_STREAM = 16
"""And the streams after it, one a round."""

_MAX_ROUNDS = 1_000
"""Rounds of uniform draws before the rules are taken to forbid everything."""


@dataclass(frozen=True)
class Candidates:
    """Designs of B requests, K each, as columns."""

    chosen: Columns
    """[A, B, K]: the one-hot column that each categorical attribute sets."""
    continuous: Vectors
    """float32[B, K, NC], scaled to [0, 1]."""


@dataclass(frozen=True)
class Pools:
    """Candidates and what hard rules say of them."""

    candidates: Candidates
    is_legal: NDArray[np.bool_]
    """[B, K]: no hard rule forbids it; every row has one."""
    n_rejected: NDArray[np.int64]
    """[B]: candidates that hard rules dropped."""
    broken: NDArray[np.bool_]
    """[B, rules]: the rules that dropped them."""


def joined(parts: Sequence[Candidates]) -> Candidates:
    """Return candidates of several sources as one pool for each request."""
    if len(parts) == 1:
        return parts[0]
    return Candidates(
        np.concatenate([part.chosen for part in parts], 2),
        np.concatenate([part.continuous for part in parts], 1),
    )


class Proposer:
    """Draws candidates of one creative space and judges them by its hard rules."""

    def __init__(self, space: DesignSpace) -> None:
        self._space = space
        sizes = [len(values) for values in space.categorical.values()]
        self._n_values = np.array(sizes, np.float64)
        self._starts = np.cumsum([0, *sizes])[:-1].astype(np.intp)
        self._spread = self._spread_of(sizes)
        self._rules = HardRules(space)

    def sampled(
        self,
        logits: Vectors,
        continuous: Vectors,
        temperatures: Vectors,
        seeds: Words,
    ) -> Candidates:
        """Return a design drawn from each row of a generator's output.

        Each attribute is drawn from softmax(logits / temperature), by the inverse of
        the cumulative distribution: one random number an attribute.

        Args:
            logits: float32[B, K, NV].
            continuous: float32[B, K, NC].
            temperatures: float32[K].
            seeds: uint64[B].
        """
        n, k, n_logits = logits.shape
        inside = np.clip(continuous, 0.0, 1.0)
        if not n_logits:
            return Candidates(np.zeros((0, n, k), np.intp), inside)
        # Values in rows, designs in columns: every operation runs along all designs.
        by_value = np.full((n_logits + 1, n * k), -np.inf, np.float32)
        flat = logits.reshape(n * k, n_logits).T
        np.divide(flat, np.tile(temperatures, n), out=by_value[:-1])
        weights = by_value[self._spread]  # (V, A, n k)
        weights -= weights.max(0)
        np.exp(weights, out=weights)
        for value in range(1, len(weights)):  # cumulative; np.cumsum takes ten times
            weights[value] += weights[value - 1]
        n_attributes = weights.shape[1]
        unit = uniforms(seeds, SAMPLE_STREAM, n_attributes * k)
        drawn = np.ascontiguousarray(unit.reshape(n * k, n_attributes).T)
        drawn *= weights[-1]
        places = (weights < drawn).sum(0, dtype=np.uint16)  # (A, n k)
        chosen = places + self._starts[:, None]
        return Candidates(chosen.reshape(n_attributes, n, k), inside)

    def uniform(self, k: int, briefs: Briefs, seeds: Words) -> Candidates:
        """Return k designs for each seed, uniform over the legal ones.

        Raises:
            SpaceError: the rules leave next to nothing.
        """
        n = len(seeds)
        chosen = np.zeros((len(self._starts), n, k), np.intp)
        continuous = np.zeros((n, k, self._space.n_continuous), np.float32)
        n_found = np.zeros(n, np.intp)
        for round_ in range(_MAX_ROUNDS):
            rows = np.flatnonzero(n_found < k)
            if not len(rows):
                return Candidates(chosen, continuous)
            drawn = self._drawn(k + k // 2, seeds[rows], RANDOM_STREAM + round_)
            is_legal = _unbroken(self._broken(drawn, briefs.of(rows.tolist())))
            place = n_found[rows, None] + np.cumsum(is_legal, 1) - 1
            row, column = np.nonzero(is_legal & (place < k))
            into = rows[row], place[row, column]
            chosen[:, *into] = drawn.chosen[:, row, column]
            continuous[into] = drawn.continuous[row, column]
            n_found[rows] = np.minimum(place[:, -1] + 1, k)
        raise SpaceError(
            f"{self._space.name}: no legal design in {_MAX_ROUNDS} random ones; "
            f"loosen the rules {self._space.rule_names}"
        )

    def judged(self, candidates: Candidates, briefs: Briefs, seeds: Words) -> Pools:
        """Return candidates with what hard rules say of them.

        A request whose every candidate is forbidden gets a legal one at random, in
        the first's place.

        Args:
            candidates: of B requests.
            briefs: one for each request.
            seeds: uint64[B].
        """
        broken = self._broken(candidates, briefs)  # (W, B, K)
        is_legal = _unbroken(broken)
        n_rejected = is_legal.shape[1] - is_legal.sum(1, dtype=np.int64)
        lost = np.flatnonzero(~is_legal.any(1))
        if len(lost):
            found = self.uniform(1, briefs.of(lost.tolist()), seeds[lost])
            candidates.chosen[:, lost, 0] = found.chosen[:, :, 0]
            candidates.continuous[lost, 0] = found.continuous[:, 0]
            is_legal[lost, 0] = True
        by_request = self._rules.unpacked(np.bitwise_or.reduce(broken, 2))
        return Pools(candidates, is_legal, n_rejected, by_request)

    def _broken(self, candidates: Candidates, briefs: Briefs) -> Words:
        return self._rules.broken(candidates.chosen, candidates.continuous, briefs)

    def _drawn(self, k: int, seeds: Words, stream: int) -> Candidates:
        """Return k designs for each seed, rules or not."""
        n, n_attributes = len(seeds), len(self._starts)
        width = n_attributes + self._space.n_continuous
        unit = uniforms(seeds, stream, k * width).reshape(n, k, width)
        shares = unit[:, :, :n_attributes].transpose(2, 0, 1)  # (A, n, k)
        places = (shares * self._n_values[:, None, None]).astype(np.intp)
        chosen = places + self._starts[:, None, None]
        return Candidates(chosen, unit[:, :, n_attributes:])

    def _spread_of(self, sizes: Sequence[int]) -> Columns:
        """Return the logit of each value of each attribute [V, A]; then the pad."""
        spread = np.full((max(sizes, default=0), len(sizes)), self._space.n_logits)
        for column, size in enumerate(sizes):
            spread[:size, column] = np.arange(size) + self._starts[column]
        return spread.astype(np.intp)


def _unbroken(broken: Words) -> NDArray[np.bool_]:
    """Return which designs break no rule: [W, B, K] -> [B, K]."""
    unbroken: NDArray[np.bool_] = np.bitwise_or.reduce(broken, 0) == 0
    return unbroken
