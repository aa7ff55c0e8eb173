"""What a stage sees of a model version; `streams.inference` is the real one."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from model_export.design_space import DesignSpace

Floats = NDArray[np.floating]


class Model(Protocol):
    """One immutable version of a generator and its critic."""

    name: str
    version: int
    sha256: str
    space: DesignSpace
    z_size: int

    def propose(self, z: Floats, conditions: Floats) -> tuple[Floats, Floats]:
        """Return attribute logits [n, K, NV] and continuous values [n, K, NC].

        Args:
            z: latents [n, K, z_size].
            conditions: condition vectors [n, conditions], each for its K latents.
        """

    def score(self, designs: Floats, conditions: Floats) -> Floats:
        """Return posterior draws of the click logit [n, K, draws].

        Args:
            designs: encoded designs [n, K, D].
            conditions: condition vectors [n, conditions], each for its K designs.
        """
