"""The chosen designs of a micro-batch, and how each was chosen: columns."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

NO_SHADOW = -1


@dataclass(frozen=True)
class Picks:
    """One pick a request, for n requests."""

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
