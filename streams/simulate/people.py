"""A seed -> simulated people: what they like, and how likely they click (the truth).

Everything here is made up. People belong loosely to a few groups; a person's taste, a
point in a small hidden space, decides both which categories they look at, which the
system sees, and which designs they like, which it has to find out. The click
probability is logistic in the sum of

- what every attribute value is worth to everybody,
- what it is worth to this taste,
- the surface, the category's fit, and for continuous attributes the squared distance
  from what the person likes best,

scaled so that random designs and each person's best design get the configured click
rates. Values of any creative space get an effect: it is drawn from the seed and the
value's own name.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_export.design_space import DesignSpace
from schemas.records import AgeBand, Surface
from schemas.taxonomy import taxonomy
from streams.core.ids import derived_seed
from streams.core.placements import PLACEMENTS

Floats = NDArray[np.float64]

_AGE_BANDS: tuple[AgeBand, ...] = ("from_18", "from_25", "from_35", "from_45")
_REGIONS = {"en": ("GB", "US", "AU"), "zh": ("CN", "SG", "TW")}
_DEVICES = ("phone", "tablet", "desktop")
_BROWSERS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/{0}.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS) Version/17.4 Safari/604.1",
)
_ROBOT = "adloom-simulated-bot/1.0"

_CALIBRATION_DESIGNS = 8
"""Random designs per person that the scale is found with."""


@dataclass(frozen=True, slots=True)
class PeopleConfig:
    """How the simulated people are made."""

    n_people: int = 4_000
    seed: int = 1
    n_groups: int = 6
    n_tastes: int = 4
    """Dimensions of the hidden space."""
    individuality: float = 0.35
    """Spread within a group, against 1 between groups."""
    common_share: float = 0.35
    """Part of a design's effect, as variance, that is the same for everybody."""
    random_ctr: float = 0.05
    """Mean click probability of a random design."""
    best_lift: float = 3.0
    """Click rate of each person's best design, over a random one's."""
    surface_spread: float = 0.2
    category_pull: float = 0.3
    """Log-odds per standard deviation of liking the advertised category."""
    robots: float = 0.05
    without_consent: float = 0.10
    chinese: float = 0.35


@dataclass(frozen=True, slots=True)
class Person:
    """One simulated person, as far as others can see them."""

    number: int
    user_id: str
    language: str
    region: str
    age_band: AgeBand
    device: str
    consent: bool
    is_robot: bool
    user_agent: str


class Population:
    """All simulated people, and the hidden truth about them.

    Args:
        config: how they are made; the same config gives the same people.
        space: creative space that the click rates are calibrated on.
    """

    def __init__(self, config: PeopleConfig, space: DesignSpace) -> None:
        self.config = config
        self._space = space
        rng = np.random.default_rng(derived_seed("people", config.seed))
        n, k = config.n_people, config.n_tastes
        centres = rng.normal(size=(config.n_groups, k))
        group = rng.integers(0, config.n_groups, n)
        self._taste = centres[group] + config.individuality * rng.normal(size=(n, k))
        self._taste /= np.sqrt((self._taste**2).mean())  # (people, tastes)
        n_categories = len(taxonomy())
        loadings = 1.1 * rng.normal(size=(n_categories, k))
        popularity = 0.6 * rng.normal(size=n_categories)
        liking = popularity + self._taste @ loadings.T  # (people, categories)
        odds = np.exp(liking - liking.max(1, keepdims=True))
        self._shares = odds / odds.sum(1, keepdims=True)
        self._cumulative = np.cumsum(self._shares, 1)
        self._fit = (liking - liking.mean(1, keepdims=True)) / liking.std()
        spread = config.surface_spread
        self._surface: dict[Surface, float] = {
            placement.surface: float(spread * rng.normal())
            for placement in PLACEMENTS.values()
        }
        self.people = tuple(self._person(number, rng) for number in range(n))
        activity = rng.pareto(2.0, n) + 0.3  # a few come often
        self._visits = np.cumsum(activity) / activity.sum()
        self._scale, self._offset = self._calibrated(rng)

    def visitor(self, draw: float) -> Person:
        """Return whose visit comes next; `draw` is uniform in [0, 1)."""
        number = int(np.searchsorted(self._visits, draw, side="right"))
        return self.people[min(number, len(self.people) - 1)]

    def category(self, person: Person, draw: float) -> str:
        """Return a category that a person turns to; `draw` is uniform in [0, 1)."""
        column = int(np.searchsorted(self._cumulative[person.number], draw))
        return taxonomy().ids[min(column, len(taxonomy()) - 1)]

    def likes(self, person: Person, category: str) -> bool:
        """Return whether a person likes a category more than their average one."""
        column = taxonomy().column(category)
        return column is not None and bool(self._fit[person.number, column] > 0)

    def click_probability(
        self,
        person: Person,
        design: dict[str, Any],
        category: str | None,
        surface: Surface,
    ) -> float:
        """Return how likely a person clicks an ad that they see: the hidden truth.

        Args:
            person: who looks.
            design: {"categorical": {...}, "continuous": {...}}, as the server says.
            category: what is advertised; None for nothing in particular.
            surface: where.
        """
        taste = self._taste[person.number]
        worth = 0.0
        for attribute, value in design["categorical"].items():
            worth += self._worth(attribute, value, taste)
        for attribute, value in design["continuous"].items():
            worth += self._distance_cost(attribute, float(value), taste)
        column = None if category is None else taxonomy().column(category)
        fit = 0.0 if column is None else float(self._fit[person.number, column])
        log_odds = (
            self._offset
            + self._scale * worth
            + self.config.category_pull * fit
            + self._surface[surface]
        )
        return float(1.0 / (1.0 + np.exp(-log_odds)))

    def best_design(self, person: Person) -> dict[str, Any]:
        """Return the design that this person likes best, hard rules aside."""
        taste = self._taste[person.number]
        return {
            "categorical": {
                attribute: max(
                    values, key=lambda value: self._worth(attribute, value, taste)
                )
                for attribute, values in self._space.categorical.items()
            },
            "continuous": {
                attribute: low + (high - low) * self._optimum(attribute, taste)
                for attribute, (low, high) in self._space.continuous.items()
            },
        }

    def _worth(self, attribute: str, value: str, taste: Floats) -> float:
        common, loadings = _effect(
            self.config.seed, attribute, value, self.config.n_tastes
        )
        share = self.config.common_share
        personal = float(loadings @ taste) / np.sqrt(self.config.n_tastes)
        return float(np.sqrt(share) * common + np.sqrt(1 - share) * personal)

    def _optimum(self, attribute: str, taste: Floats) -> float:
        """Return the position in [0, 1] of what a taste likes best."""
        common, loadings = _effect(
            self.config.seed, attribute, "optimum", self.config.n_tastes
        )
        shift = 0.12 * common + 0.15 * float(loadings @ taste)
        return float(np.clip(0.5 + shift, 0.05, 0.95))

    def _distance_cost(self, attribute: str, value: float, taste: Floats) -> float:
        if attribute not in self._space.continuous:
            return 0.0
        low, high = self._space.continuous[attribute]
        at = (value - low) / (high - low)
        return -4.0 * (at - self._optimum(attribute, taste)) ** 2

    def _person(self, number: int, rng: np.random.Generator) -> Person:
        config = self.config
        language = "zh" if rng.random() < config.chinese else "en"
        is_robot = bool(rng.random() < config.robots)
        browser = str(rng.choice(_BROWSERS)).format(rng.integers(115, 145))
        return Person(
            number=number,
            user_id=f"sim-{config.seed}-{number:05d}",
            language=language,
            region=str(rng.choice(_REGIONS[language])),
            age_band=_AGE_BANDS[rng.integers(len(_AGE_BANDS))],
            device=str(rng.choice(_DEVICES)),
            consent=bool(rng.random() >= config.without_consent),
            is_robot=is_robot,
            user_agent=_ROBOT if is_robot else browser,
        )

    def _calibrated(self, rng: np.random.Generator) -> tuple[float, float]:
        """Return (scale, offset) that give the configured click rates."""
        chosen = [self.people[i] for i in rng.integers(0, len(self.people), 400)]
        sampled = list(self._sampled(chosen, rng))
        random_worth = np.array([worths for worths, _ in sampled])  # (people, designs)
        best_worth = np.array([best for _, best in sampled])  # (people,)
        other = np.array([self._context(person, rng) for person in chosen])
        target, wanted = self.config.random_ctr, self.config.best_lift
        low, high, offset = 0.0, 20.0, 0.0
        for _ in range(40):
            scale = (low + high) / 2
            offset = _offset_for(target, scale * random_worth + other[:, None])
            lift = _sigmoid(offset + scale * best_worth + other).mean() / target
            low, high = (scale, high) if lift < wanted else (low, scale)
        return (low + high) / 2, offset

    def _sampled(
        self, people: Sequence[Person], rng: np.random.Generator
    ) -> Iterator[tuple[list[float], float]]:
        """Yield for each person the worth of random designs and of their best one."""
        for person in people:
            vectors = self._space.random(_CALIBRATION_DESIGNS, rng)
            taste = self._taste[person.number]
            designs = [
                {"categorical": design.categorical, "continuous": design.continuous}
                for design in self._space.decode(vectors)
            ]
            worths = [
                self._total(each, taste)
                for each in [*designs, self.best_design(person)]
            ]
            yield worths[:-1], worths[-1]

    def _total(self, design: dict[str, Any], taste: Floats) -> float:
        return sum(
            self._worth(attribute, value, taste)
            for attribute, value in design["categorical"].items()
        ) + sum(
            self._distance_cost(attribute, value, taste)
            for attribute, value in design["continuous"].items()
        )

    def _context(self, person: Person, rng: np.random.Generator) -> float:
        """Return the log-odds of a typical place and category for a person."""
        column = taxonomy().column(self.category(person, float(rng.random()))) or 0
        places = list(self._surface.values())
        pull = self.config.category_pull * self._fit[person.number, column]
        return float(pull) + places[rng.integers(len(places))]


@lru_cache(maxsize=4_096)
def _effect(
    seed: int, attribute: str, value: str, n_tastes: int
) -> tuple[float, Floats]:
    """Return (worth to everybody, worth per taste [n_tastes]) of an attribute value.

    Attributes matter unequally: each has a weight of its own.
    """
    weight = np.random.default_rng(derived_seed("attribute", seed, attribute))
    importance = float(np.exp(0.5 * weight.normal()))
    rng = np.random.default_rng(derived_seed("value", seed, attribute, value))
    return importance * float(rng.normal()), importance * rng.normal(size=n_tastes)


def _sigmoid(log_odds: Floats) -> Floats:
    answer: Floats = 1.0 / (1.0 + np.exp(-log_odds))
    return answer


def _offset_for(target: float, log_odds: Floats) -> float:
    """Return what to add to the log-odds so that the mean probability is `target`."""
    low, high = -40.0, 40.0
    for _ in range(60):
        offset = (low + high) / 2
        mean = _sigmoid(offset + log_odds).mean()
        low, high = (offset, high) if mean < target else (low, offset)
    return (low + high) / 2
