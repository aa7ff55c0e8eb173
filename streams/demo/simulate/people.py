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
rates.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_export.space.design_space import DesignSpace
from schemas.records import AgeBand, Surface
from schemas.vocabulary import deployed
from streams.columns.ids import derived_seed
from streams.demo.simulate.likings import Likings

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
class SimulatedPerson:
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
        self.likings = Likings(config.seed, config.n_tastes, config.common_share)
        rng = np.random.default_rng(derived_seed("people", config.seed))
        n, k = config.n_people, config.n_tastes
        centres = rng.normal(size=(config.n_groups, k))
        group = rng.integers(0, config.n_groups, n)
        self.tastes = centres[group] + config.individuality * rng.normal(size=(n, k))
        self.tastes /= np.sqrt((self.tastes**2).mean())  # (people, tastes)
        n_categories = len(deployed().categories)
        loadings = 1.1 * rng.normal(size=(n_categories, k))
        popularity = 0.6 * rng.normal(size=n_categories)
        liking = popularity + self.tastes @ loadings.T  # (people, categories)
        odds = np.exp(liking - liking.max(1, keepdims=True))
        self.shares = odds / odds.sum(1, keepdims=True)
        self._cumulative = np.cumsum(self.shares, 1)
        self.fit = (liking - liking.mean(1, keepdims=True)) / liking.std()
        spread = config.surface_spread
        self.surfaces: dict[Surface, float] = {
            placement.surface: float(spread * rng.normal())
            for placement in deployed().placements.values()
        }
        self.people = tuple(self._person(number, rng) for number in range(n))
        activity = rng.pareto(2.0, n) + 0.3  # a few come often
        self._visits = np.cumsum(activity) / activity.sum()
        self.scale, self.offset = self._calibrated(rng)

    def visitor(self, draw: float) -> SimulatedPerson:
        """Return whose visit comes next; `draw` is uniform in [0, 1)."""
        number = int(np.searchsorted(self._visits, draw, side="right"))
        return self.people[min(number, len(self.people) - 1)]

    def category(self, person: SimulatedPerson, draw: float) -> str:
        """Return a category that a person turns to; `draw` is uniform in [0, 1)."""
        column = int(np.searchsorted(self._cumulative[person.number], draw))
        return deployed().categories[min(column, len(deployed().categories) - 1)]

    def likes(self, person: SimulatedPerson, category: str) -> bool:
        """Return whether a person likes a category more than their average one."""
        column = deployed().column(category)
        return column is not None and bool(self.fit[person.number, column] > 0)

    def click_probability(
        self,
        person: SimulatedPerson,
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
        worth = self._worth(design, self.tastes[person.number])
        column = None if category is None else deployed().column(category)
        fit = 0.0 if column is None else float(self.fit[person.number, column])
        log_odds = (
            self.offset
            + self.scale * worth
            + self.config.category_pull * fit
            + self.surfaces[surface]
        )
        return float(1.0 / (1.0 + np.exp(-log_odds)))

    def best_design(self, person: SimulatedPerson) -> dict[str, Any]:
        """Return the design that this person likes best, hard rules aside."""
        taste = self.tastes[person.number][None]
        vectors = self.likings.best(self._space, taste).astype(np.float32)
        (design,) = self._space.decode(vectors)
        return {"categorical": design.categorical, "continuous": design.continuous}

    def _worth(self, design: dict[str, Any], taste: Floats) -> float:
        likings, worth = self.likings, 0.0
        for attribute, value in design["categorical"].items():
            worth += float(likings.worth(attribute, value, taste))
        for attribute, value in design["continuous"].items():
            if attribute in self._space.continuous:
                low, high = self._space.continuous[attribute]
                at = (float(value) - low) / (high - low)
                worth += float(likings.distance_cost(attribute, at, taste))
        return worth

    def _person(self, number: int, rng: np.random.Generator) -> SimulatedPerson:
        config = self.config
        language = "zh" if rng.random() < config.chinese else "en"
        is_robot = bool(rng.random() < config.robots)
        browser = str(rng.choice(_BROWSERS)).format(rng.integers(115, 145))
        return SimulatedPerson(
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
        tastes = self.tastes[[person.number for person in chosen]]
        random_worth = np.stack(
            [self._random_worth(taste, rng) for taste in tastes]
        )  # (people, designs)
        best = self.likings.best(self._space, tastes)
        best_worth = self.likings.total(self._space, best, tastes)  # (people,)
        other = np.array([self._context(person, rng) for person in chosen])
        target, wanted = self.config.random_ctr, self.config.best_lift
        low, high, offset = 0.0, 20.0, 0.0
        for _ in range(40):
            scale = (low + high) / 2
            offset = _offset_for(target, scale * random_worth + other[:, None])
            lift = _sigmoid(offset + scale * best_worth + other).mean() / target
            low, high = (scale, high) if lift < wanted else (low, scale)
        return (low + high) / 2, offset

    def _random_worth(self, taste: Floats, rng: np.random.Generator) -> Floats:
        """Return what random designs are worth to a taste: [designs]."""
        vectors = self._space.random(_CALIBRATION_DESIGNS, rng)
        same = np.repeat(taste[None], len(vectors), 0)
        return self.likings.total(self._space, vectors.astype(np.float64), same)

    def _context(self, person: SimulatedPerson, rng: np.random.Generator) -> float:
        """Return the log-odds of a typical place and category for a person."""
        column = deployed().column(self.category(person, float(rng.random()))) or 0
        places = list(self.surfaces.values())
        pull = self.config.category_pull * self.fit[person.number, column]
        return float(pull) + places[rng.integers(len(places))]


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
