"""The project's own simulator as a world: its audience, the bundled creative space.

Its people are those of `adloom demo` (`streams.demo.simulate.people`), at the
click rates of the reference worlds. The space's hard rules are left out, so that each
person's best design is exact and every method may show every design. Needs nothing
from outside.
"""

import numpy as np
from numpy.typing import NDArray

from benchmarks.learning.truth import Crowd, Floats, Rates
from model_export.generators.library import make_library
from model_export.space.conditioning import SURFACES, condition
from model_export.space.design_space import DesignSpace, load
from streams.demo.simulate.people import PeopleConfig, Population

_N_PEOPLE = 12_000
_N_HELD_OUT = 4_000
"""The last ones: they never come by."""
_EVENTS = (15, 80)
_SURFACE_SHARES = (0.35, 0.3, 0.2, 0.15)


class Own:
    """One audience.

    Args:
        seed: of everything in it.
        random_ctr: click rate of random designs.
    """

    def __init__(self, seed: int, random_ctr: float = 0.025) -> None:
        self.space = DesignSpace(load().source.split("[[forbid]]")[0])
        config = PeopleConfig(
            n_people=_N_PEOPLE, seed=seed, random_ctr=random_ctr, best_lift=3.0
        )
        self._seed = seed
        self._population = Population(config, self.space)

    def visitors(self, n: int, rng: np.random.Generator) -> Crowd:
        """Return people who come by, some of them again and again."""
        return self._crowd(rng.integers(0, _N_PEOPLE - _N_HELD_OUT, n), rng)

    def held_out(self, n: int, rng: np.random.Generator) -> Crowd:
        """Return people who never come by."""
        return self._crowd(rng.integers(_N_PEOPLE - _N_HELD_OUT, _N_PEOPLE, n), rng)

    def library(self, n: int) -> Floats:
        """Return the advertiser's designs: float32[n, D]."""
        return make_library(self.space, self._seed, n).designs

    def random(self, n: int, rng: np.random.Generator) -> Floats:
        """Return uniformly random designs: float32[n, D]."""
        return self.space.random(n, rng)

    def rates(self, crowd: Crowd, design: Floats) -> Rates:
        """Return the true click probabilities: [n]."""
        people = self._population
        worth = people.likings.total(
            self.space, design.astype(np.float64), people.tastes[crowd.hidden]
        )
        surface, category = crowd.context
        # The place and the fit of what is advertised do not depend on the design.
        around = np.array([people.surfaces[name] for name in SURFACES])[surface]
        around = (
            around + people.config.category_pull * people.fit[crowd.hidden, category]
        )
        rates: Rates = 1.0 / (
            1.0 + np.exp(-(people.offset + people.scale * worth + around))
        )
        return rates

    def clicks(self, crowd: Crowd, design: Floats, rng: np.random.Generator) -> Floats:
        """Return who clicks: float32[n], 0 or 1."""
        clicked: Floats = (rng.random(len(design)) < self.rates(crowd, design)).astype(
            np.float32
        )
        return clicked

    def best(self, crowd: Crowd) -> Floats:
        """Return each person's best design, exactly: float32[n, D]."""
        tastes = self._population.tastes[crowd.hidden]
        return self._population.likings.best(self.space, tastes).astype(np.float32)

    def turn(self, phase: int) -> None:
        """Tastes of this audience do not drift."""
        if phase:
            raise NotImplementedError

    def _crowd(self, people: NDArray[np.int64], rng: np.random.Generator) -> Crowd:
        n, shares = len(people), self._population.shares
        counts = rng.multinomial(rng.integers(*_EVENTS, n), shares[people])
        surface = rng.choice(len(SURFACES), n, p=_SURFACE_SHARES)
        drawn = rng.random((n, 1))
        category = (np.cumsum(shares[people], 1) < drawn).sum(1)
        seen = condition(
            counts.astype(np.float64),
            [SURFACES[i] for i in surface],
            rng.integers(0, 24, n),
        )
        return Crowd(seen, people, (surface, np.minimum(category, shares.shape[1] - 1)))
