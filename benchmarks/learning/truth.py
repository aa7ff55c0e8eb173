"""What a world is made of: people in places, designs, and who clicks on what."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from model_export.space.design_space import DesignSpace

Floats = NDArray[np.float32]
Rates = NDArray[np.float64]


@dataclass(frozen=True)
class Crowd:
    """Some people in some places: what is seen of them, and who they are."""

    condition: Floats
    hidden: Any
    context: Any

    def __len__(self) -> int:
        return len(self.condition)


class Truth(Protocol):
    """A simulated world. Only conditions and clicks may reach a learner."""

    space: DesignSpace

    def visitors(self, n: int, rng: np.random.Generator) -> Crowd:
        """Return people who come by."""

    def held_out(self, n: int, rng: np.random.Generator) -> Crowd:
        """Return people who never come by."""

    def library(self, n: int) -> Floats:
        """Return the advertiser's designs: float32[n, D]."""

    def random(self, n: int, rng: np.random.Generator) -> Floats:
        """Return uniformly random designs: float32[n, D]."""

    def rates(self, crowd: Crowd, design: Floats) -> Rates:
        """Return the true click probabilities: [n]."""

    def clicks(self, crowd: Crowd, design: Floats, rng: np.random.Generator) -> Floats:
        """Return who clicks: float32[n], 0 or 1."""

    def best(self, crowd: Crowd) -> Floats:
        """Return each person's best design: float32[n, D]."""

    def turn(self, phase: int) -> None:
        """Let tastes drift (1) or return (0)."""
