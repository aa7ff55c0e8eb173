"""Factorisation machine, Thompson sampling and hill climbing.

Every two features interact through vectors of 8 numbers (Rendle 2010, "Factorization
Machines"), so pairs of attributes count too. Each update goes on fitting, by Adam, to
the clicks kept; the uncertainty is a diagonal Laplace approximation. A design is found
by coordinate ascent, one attribute at a time given the others (Hill et al. 2017, "An
Efficient Bandit Algorithm for Realtime Multivariate Optimization"). A continuous
attribute is cut into 8 bins.
"""

from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from benchmarks.learning.method import Batch, Floats, Setting
from model_export.space.conditioning import N_CATEGORIES, WHERE_WHEN
from model_export.space.design_space import DesignSpace

_COMPONENTS = 8
_RANK = 8
_BINS = 8
_DRAWS = 16
_SCALE = 0.25
_SWEEPS = 3
_EPOCHS = 8
_BATCH = 500
_KEPT = 100_000
"""Impressions that are fitted: the newest."""
_RATE = 0.005
_MAIN_DEVIATION = 0.15
_VECTOR_DEVIATION = 0.2
_BASE_LOGIT = -3.5

_FIRST_DECAY, _SECOND_DECAY = 0.9, 0.999


class Slots:
    """A design as one value in each of A slots: attributes, then binned ones."""

    def __init__(self, space: DesignSpace) -> None:
        self._space = space
        self._blocks = [space.slices[name] for name in space.categorical]
        sizes = [block.stop - block.start for block in self._blocks]
        sizes += [_BINS] * space.n_continuous
        edges = accumulate(sizes, initial=0)
        self.slots = [slice(*ends) for ends in pairwise(edges)]
        self.size = sum(sizes)

    def one_hot(self, design: Floats) -> Floats:
        """Return designs float32[n, D] as float32[n, size]."""
        values = design[:, : self._space.n_logits]
        scaled = design[:, self._space.n_logits :]
        bins = np.minimum((scaled * _BINS).astype(np.intp), _BINS - 1)
        binned = np.eye(_BINS, dtype=np.float32)[bins].reshape(len(design), -1)
        return np.concatenate([values, binned], 1)

    def design(self, columns: list[NDArray[np.intp]]) -> Floats:
        """Return designs float32[n, D] from the column chosen in each slot."""
        n = len(columns[0])
        design = np.zeros((n, self._space.size), np.float32)
        for at, (slot, chosen) in enumerate(zip(self.slots, columns, strict=True)):
            if at < len(self._blocks):
                design[np.arange(n), chosen] = 1.0
            else:  # the middle of the bin
                column = self._space.n_logits + at - len(self._blocks)
                design[:, column] = (chosen - slot.start + 0.5) / _BINS
        return design


class FactorisationMachine:
    """Weights [P, 1 + rank]: the first column is linear, the others the vectors."""

    def __init__(self, setting: Setting) -> None:
        self._slots = Slots(setting.space)
        self._rng = np.random.default_rng([setting.seed, 23])
        self._mean, self._matrix = _components(setting.people)
        n_features = self._slots.size + self._around(setting.people[:1]).shape[1]
        self._prior = np.full((n_features, 1 + _RANK), _VECTOR_DEVIATION, np.float32)
        self._prior[:, 0] = _MAIN_DEVIATION
        start = self._rng.normal(size=self._prior.shape)
        # Vectors that start at zero have no slope: nothing would ever move them.
        self._weights = (0.3 * self._prior * start).astype(np.float32)
        self._weights[:, 0] = 0.0
        self._deviation = self._prior
        self._rows = np.zeros((0, n_features), np.float32)
        self._clicked = np.zeros(0, np.float32)

    def choose(self, condition: Floats) -> Floats:
        """Return designs climbed to under posterior draws, one of 16 for each."""
        around = self._around(condition)
        own = self._rng.integers(0, _DRAWS, len(condition))
        columns = np.zeros((len(self._slots.slots), len(condition)), np.intp)
        for draw in range(_DRAWS):
            noise = self._rng.normal(size=self._weights.shape).astype(np.float32)
            drawn = self._weights + np.float32(_SCALE) * self._deviation * noise
            rows = own == draw
            columns[:, rows] = self._climbed(drawn, around[rows])
        return self._slots.design(list(columns))

    def greedy(self, condition: Floats) -> Floats:
        """Return designs climbed to under the fitted weights."""
        return self._slots.design(self._climbed(self._weights, self._around(condition)))

    def learn(self, batch: Batch) -> None:
        """Keep the batch and go on fitting, from the weights so far."""
        rows = np.concatenate(
            [self._slots.one_hot(batch.design), self._around(batch.condition)], 1
        )
        self._rows = np.concatenate([self._rows, rows])[-_KEPT:]
        self._clicked = np.concatenate([self._clicked, batch.clicked])[-_KEPT:]
        self._fit()
        self._deviation = self._uncertainty()

    def _around(self, condition: Floats) -> Floats:
        """Return [1, components, surface, hour]: float32[n, 15]."""
        components = (condition[:, :N_CATEGORIES] - self._mean) @ self._matrix
        one = np.ones((len(condition), 1))
        surface_hour = condition[:, WHERE_WHEN]
        return np.concatenate([one, components, surface_hour], 1, dtype=np.float32)

    def _fit(self) -> None:
        """Run Adam over the kept rows (Kingma, Ba 2015)."""
        n = len(self._rows)
        first, second = np.zeros_like(self._weights), np.zeros_like(self._weights)
        order = np.concatenate([self._rng.permutation(n) for _ in range(_EPOCHS)])
        for step, start in enumerate(range(0, len(order), _BATCH), 1):
            taken = order[start : start + _BATCH]
            slope = _slope(self._weights, self._rows[taken], self._clicked[taken])
            slope = slope / len(taken) + self._weights / (n * self._prior**2)
            first = _FIRST_DECAY * first + (1.0 - _FIRST_DECAY) * slope
            second = _SECOND_DECAY * second + (1.0 - _SECOND_DECAY) * slope**2
            mean = first / (1.0 - _FIRST_DECAY**step)
            size = np.sqrt(second / (1.0 - _SECOND_DECAY**step)) + 1e-8
            # The rate falls to zero over the steps, so that the fit settles.
            rate = _RATE * (1.0 - start / len(order))
            self._weights = self._weights - (rate * mean / size).astype(np.float32)

    def _uncertainty(self) -> Floats:
        """Return deviations [P, 1 + rank] from prior and diagonal information."""
        precision = self._prior**-2.0
        for start in range(0, len(self._rows), _BATCH):
            rows = self._rows[start : start + _BATCH]
            logit, inner = _forward(self._weights, rows)
            chance = _sigmoid(logit)
            weight = (chance * (1.0 - chance))[:, None]
            squares = rows**2
            precision[:, 0] += (squares * weight).sum(0)
            # The derivative by a vector is x (inner - x v); the second term is small.
            precision[:, 1:] += squares.T @ (weight * inner**2)
        deviation: Floats = (precision**-0.5).astype(np.float32)
        return deviation

    def _climbed(self, weights: Floats, around: Floats) -> list[NDArray[np.intp]]:
        """Return the column of each slot that coordinate ascent ends at: A x [n]."""
        vectors, linear = weights[:, 1:], weights[:, 0]
        person = around @ vectors[self._slots.size :]  # (n, rank)
        columns: list[NDArray[np.intp]] = []
        total = person
        for slot in self._slots.slots:  # the best beside what is chosen so far
            columns.append(_best(linear[slot], vectors[slot], total) + slot.start)
            total = total + vectors[columns[-1]]
        for _ in range(_SWEEPS):
            for at, slot in enumerate(self._slots.slots):
                others = total - vectors[columns[at]]
                columns[at] = _best(linear[slot], vectors[slot], others) + slot.start
                total = others + vectors[columns[at]]
        return columns


def _best(linear: Floats, vectors: Floats, others: Floats) -> NDArray[np.intp]:
    """Return the best value of a slot given everything else: [n]."""
    best: NDArray[np.intp] = (linear + others @ vectors.T).argmax(1)
    return best


def _components(people: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean [64] and principal directions [64, 8] over one common scale."""
    roots = people[:, :N_CATEGORIES].astype(np.float64)
    mean = roots.mean(0)
    _, _, rows = np.linalg.svd(roots - mean, full_matrices=False)
    projected = (roots - mean) @ rows[:_COMPONENTS].T
    return mean, rows[:_COMPONENTS].T / np.sqrt((projected**2).mean())


def _forward(weights: Floats, rows: Floats) -> tuple[Floats, Floats]:
    """Return logits [n] and sums of vectors [n, rank]."""
    inner = rows @ weights[:, 1:]
    own = (rows**2) @ (weights[:, 1:] ** 2)
    pairs = 0.5 * ((inner**2).sum(1) - own.sum(1))
    return _BASE_LOGIT + rows @ weights[:, 0] + pairs, inner


def _slope(weights: Floats, rows: Floats, clicked: Floats) -> Floats:
    """Return the gradient of the negative log likelihood: [P, 1 + rank]."""
    logit, inner = _forward(weights, rows)
    error = (_sigmoid(logit) - clicked)[:, None]
    slope = np.empty_like(weights)
    slope[:, :1] = rows.T @ error
    own = ((rows**2).T @ error) * weights[:, 1:]
    slope[:, 1:] = rows.T @ (error * inner) - own
    return slope


def _sigmoid(logit: Floats) -> Floats:
    half: Floats = 0.5 + 0.5 * np.tanh(0.5 * logit)  # never overflows
    return half
