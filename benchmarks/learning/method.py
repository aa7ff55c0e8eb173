"""What a method may see and has to do."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from model_export.space.design_space import DesignSpace

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Setting:
    """What is known before the first ad is shown."""

    space: DesignSpace
    library: Floats
    """float32[n, D]: the advertiser's past designs."""
    people: Floats
    """float32[n, 71]: conditions of people who were seen, none of them shown an ad."""
    seed: int


class Batch(NamedTuple):
    """Impressions to learn from: the newest, then late clicks on older ones."""

    number: NDArray[np.int64]
    """int64[n]: of the impression; a late click repeats one."""
    condition: Floats
    """float32[n, 71]."""
    design: Floats
    """float32[n, D]."""
    clicked: Floats
    """float32[n], 0 or 1."""
    shown_at: NDArray[np.int64]
    """int64[n], updates: all impressions of a batch are shown at one instant."""
    decided_at: NDArray[np.int64]
    """int64[n], updates: of the click, or when it was taken for a none."""


class Method(Protocol):
    """Chooses designs and learns from what people do with them."""

    def choose(self, condition: Floats) -> Floats:
        """Return the designs to show now, exploring: float32[n, D].

        Args:
            condition: float32[n, 71].
        """

    def greedy(self, condition: Floats) -> Floats:
        """Return the designs that it believes best: float32[n, D]."""

    def learn(self, batch: Batch) -> None:
        """Learn from a batch of impressions: it chose these designs."""
