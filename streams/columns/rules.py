"""What an event is worth to the preferences of a person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import get_args

from schemas.records import BehaviorKind
from streams.columns.rows import SURFACES

KIND_WEIGHTS: dict[str, float] = {
    "impression": 0.0,
    "view": 0.5,
    "search": 1.0,
    "click": 1.0,
    "conversion": 3.0,
    "dismiss": -1.0,
}
"""What one event adds to its category, in units of one click."""

KINDS: tuple[str, ...] = get_args(BehaviorKind)
IMPRESSION, CLICK = KINDS.index("impression"), KINDS.index("click")

MAX_HALF_LIVES = 60.0
"""Rescale a row when an event is so many shortest half-lives past its landmark."""

FATIGUE_HALF_LIFE_MS = 86_400_000.0
BURST_HALF_LIFE_MS = 60_000.0


@dataclass(frozen=True, slots=True)
class FoldRules:
    """Half-lives in ms; weights in the order of `KINDS`; categories in their order."""

    half_lives_ms: tuple[float, ...]
    categories: tuple[str, ...]
    kind_weights: tuple[float, ...] = tuple(KIND_WEIGHTS[kind] for kind in KINDS)
    fatigue_half_life_ms: float = FATIGUE_HALF_LIFE_MS
    burst_half_life_ms: float = BURST_HALF_LIFE_MS
    n_surfaces: int = len(SURFACES)
    homes: tuple[tuple[str, int], ...] = ()
    """Other names of categories, and the column of each."""

    @property
    def max_age_ms(self) -> float:
        """Return how far past its landmark an event may be: float32 ends at 2**127."""
        shortest = min(*self.half_lives_ms, self.fatigue_half_life_ms)
        return MAX_HALF_LIVES * shortest


def fold_rules(
    half_lives_s: Sequence[float],
    categories: Sequence[str],
    maps: Mapping[str, str] = MappingProxyType({}),
) -> FoldRules:
    """Return the rules for half-lives in seconds, shortest first.

    Args:
        half_lives_s: one or more.
        categories: in column order.
        maps: other names of categories.

    Raises:
        ValueError: there is no half-life, or one is not positive.
    """
    if not half_lives_s or min(half_lives_s) <= 0:
        raise ValueError(f"expected positive half-lives, got {tuple(half_lives_s)}")
    return FoldRules(
        half_lives_ms=tuple(length * 1000.0 for length in half_lives_s),
        categories=tuple(categories),
        homes=tuple((name, categories.index(home)) for name, home in maps.items()),
    )
