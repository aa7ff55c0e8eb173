"""What the stage sees of a model version; `inference` has the real one."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from model_export.critic.layout import Layout
from model_export.space.design_space import DesignSpace

Floats = NDArray[np.floating]


class ServedModel(Protocol):
    """One immutable version of a generator and its critic, with one posterior."""

    name: str
    version: int
    sha256: str
    posterior_sha256: str
    """Digest of what its critic came to after it was made; empty: nothing yet."""
    space: DesignSpace
    layout: Layout
    z_size: int

    def person(self, conditions: Floats) -> Floats:
        """Return person features [n, N] for condition vectors [n, conditions]."""

    def propose(self, z: Floats, person: Floats) -> tuple[Floats, Floats]:
        """Return attribute logits [n, K, NV] and continuous values [n, K, NC].

        Args:
            z: latents [n, K, z_size].
            person: [n, N], each for its K latents.
        """

    def worth(self, person: Floats) -> tuple[Floats, Floats]:
        """Return what each look is worth [n, F, S], and the rest of the logit [n, S].

        By posterior draw: the click logit of a design is its looks' worth and the rest.
        """
