"""Columns of a micro-batch: what each creative is about, what was chosen, how."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from schemas.records import Surface
from streams.stages.creatives.arms import Arm, Floats
from streams.stages.creatives.counter_random import Words

NO_SHADOW = -1


@dataclass(frozen=True)
class Briefs:
    """What each creative is to be about, and to avoid: a row a creative."""

    categories: list[str]
    """Advertised."""
    tired_of: list[str]
    """Styles to be left out, as `style.written` writes them; empty for none."""

    @classmethod
    def about(cls, categories: list[str]) -> Self:
        """Return briefs that leave out no style."""
        return cls(categories, [""] * len(categories))

    def of(self, rows: Iterable[int]) -> Self:
        """Return some of the rows, in the order given."""
        own = list(rows)
        return type(self)(
            [self.categories[row] for row in own], [self.tired_of[row] for row in own]
        )


@dataclass(frozen=True)
class Picks:
    """The chosen designs, and how each was chosen: a row a request, n of them."""

    columns: NDArray[np.intp]
    """[n, A]: the one-hot column that each categorical attribute sets."""
    continuous: NDArray[np.float32]
    """float32[n, NC], scaled to [0, 1]."""
    n_rejected: NDArray[np.int64]
    """[n]: candidates that hard rules dropped."""
    broken: NDArray[np.bool_]
    """[n, rules]: the rules that dropped them."""
    propensity: NDArray[np.float64]
    """[n]: with what probability this design was picked."""
    score: NDArray[np.float64]
    """[n]: the critic's click probability; not-a-number without a critic."""
    shadow_version: NDArray[np.int64]
    """[n]: the version that did the same work unseen, or `NO_SHADOW`."""


@dataclass(frozen=True)
class Answers:
    """What was asked and what was chosen, a row a creative."""

    request_ids: list[str]
    user_ids: list[str]
    placements: list[str]
    surfaces: list[Surface]
    languages: list[str]
    briefs: Briefs
    arms: Sequence[Arm]
    conditions: Floats
    """[n, conditions]; they begin with the preferences."""
    seeds: Words
    """uint64[n]"""
    picks: Picks


def merged(parts: Sequence[tuple[NDArray[np.intp], Picks]]) -> Picks:
    """Return the picks of several groups as one.

    Args:
        parts: places of a group's requests, and their picks; each place once.
    """
    if len(parts) == 1:
        return parts[0][1]
    places = np.concatenate([own for own, _ in parts])
    order = np.argsort(places)
    return Picks(
        **{
            field.name: np.concatenate(
                [getattr(picks, field.name) for _, picks in parts]
            )[order]
            for field in fields(Picks)
        }
    )
