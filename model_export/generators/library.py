"""Space + seed -> a creative library: 1,000 creatives standing for past work.

The library is generated: no advertiser's creatives come with Adloom. It has what makes
past work different from random designs: a brand's skewed habits, a dozen templates,
small changes from one creative to the next, and the hard rules.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_export.space.conditioning import N_CATEGORIES, SURFACES, condition
from model_export.space.design_space import DesignSpace, Vectors
from schemas.records import Surface
from schemas.vocabulary import deployed

SIZE = 1_000

_N_TEMPLATES = 12
_TEMPLATES_PER_CATEGORY = 3
_HABIT = 0.5
"""Dirichlet parameter of a brand's habits: below 1 is skewed."""
_MUTATION = 0.25
_DRIFT = 0.1
"""Standard deviation of a continuous value around its template's."""
_SURFACE_SHARES = (0.35, 0.3, 0.2, 0.15)
"""Of the first surfaces; each further one has the last one's."""
_EVENTS = (10, 80)
"""Events behind somebody's preferences, from and to."""
_ROUNDS = 200


@dataclass(frozen=True)
class Library:
    """Creatives: row i is for categories[i] on surfaces[i]."""

    categories: tuple[str, ...]
    surfaces: tuple[Surface, ...]
    designs: Vectors
    """float32[n, D]."""


def make_library(space: DesignSpace, seed: int, n: int = SIZE) -> Library:
    """Return n creatives that break no rule: the same for the same space and seed."""
    rng = np.random.default_rng([seed, 1])
    habits = [
        rng.dirichlet(np.full(len(values), _HABIT))
        for values in space.categorical.values()
    ]
    templates = _drawn(space, habits, _N_TEMPLATES, rng)
    columns = rng.integers(0, N_CATEGORIES, n)
    favourites = rng.integers(0, _N_TEMPLATES, (N_CATEGORIES, _TEMPLATES_PER_CATEGORY))
    # The first favourite of a category is used most.
    rank = np.minimum(rng.geometric(0.55, n) - 1, _TEMPLATES_PER_CATEGORY - 1)
    base = templates[favourites[columns, rank]]
    categories = tuple(deployed().categories[column] for column in columns)
    designs = base.copy()
    open_rows = np.arange(n)
    for _ in range(_ROUNDS):
        designs[open_rows] = _mutated(space, habits, base[open_rows], rng)
        wanted = [categories[int(row)] for row in open_rows]
        illegal = space.violations(designs[open_rows], wanted).any(1)
        open_rows = open_rows[illegal]
        if not len(open_rows):
            break
    else:  # a template far inside a rule: legal random designs take its place
        wanted = [categories[int(row)] for row in open_rows]
        designs[open_rows] = space.random(len(open_rows), rng, wanted)
    drawn = rng.choice(len(SURFACES), n, p=_surface_shares(len(SURFACES)))
    return Library(categories, tuple(SURFACES[i] for i in drawn), designs)


def library_conditions(
    library: Library, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return a condition for each creative: float32[n, 71].

    Somebody who likes the row's category most, and some others by chance; its surface;
    any hour.
    """
    n = len(library.categories)
    columns = [deployed().categories.index(category) for category in library.categories]
    own = rng.uniform(0.3, 0.9, (n, 1))
    weights = (1.0 - own) * rng.dirichlet(np.full(N_CATEGORIES, 0.1), n)
    weights[np.arange(n), columns] += own[:, 0]
    weights *= rng.integers(*_EVENTS, (n, 1))
    hours = rng.integers(0, 24, n)
    return condition(weights.astype(np.float32), library.surfaces, hours)


def _drawn(
    space: DesignSpace,
    habits: list[NDArray[np.float64]],
    n: int,
    rng: np.random.Generator,
) -> Vectors:
    """Return n designs by the habits, rules or not: float32[n, D]."""
    chances = [np.log(np.maximum(habit, 1e-9)) for habit in habits]
    logits = np.concatenate(chances) if chances else np.zeros(0)
    scores = logits + rng.gumbel(size=(n, space.n_logits))
    return space.harden(scores, rng.beta(2.0, 2.0, (n, space.n_continuous)))


def _mutated(
    space: DesignSpace,
    habits: list[NDArray[np.float64]],
    base: Vectors,
    rng: np.random.Generator,
) -> Vectors:
    """Return designs with some attributes drawn anew, and continuous ones moved."""
    fresh = _drawn(space, habits, len(base), rng)
    mutated = base.copy()
    for attribute in space.categorical:
        block = space.slices[attribute]
        rows = rng.random(len(base)) < _MUTATION
        mutated[rows, block] = fresh[rows, block]
    drift = rng.normal(0.0, _DRIFT, (len(base), space.n_continuous))
    continuous = mutated[:, space.n_logits :] + drift
    mutated[:, space.n_logits :] = np.clip(continuous, 0.0, 1.0)
    return mutated


def _surface_shares(n: int) -> NDArray[np.float64]:
    """Return how often each of n surfaces is drawn: [n], summing to one."""
    further = _SURFACE_SHARES[-1:] * (n - len(_SURFACE_SHARES))
    shares = np.array((_SURFACE_SHARES + further)[:n])
    return shares if n == len(_SURFACE_SHARES) else shares / shares.sum()
