"""Exported generator + people -> pools of candidate designs, as serving draws them.

Eight designs in ten come at a low temperature, the rest at a high one.
"""

import numpy as np
from numpy.typing import NDArray

from model_export.generators.export import Served
from model_export.space.design_space import DesignSpace, Vectors
from model_export.store.model_files import LATENT

POOL = 16
"""Candidates for one request."""

TEMPERATURE = 0.3
HOT_TEMPERATURE = 1.0
HOT_SHARE = 0.2


def draw_pools(
    served: Served,
    space: DesignSpace,
    person: NDArray[np.float32],
    rng: np.random.Generator,
    size: int = POOL,
) -> Vectors:
    """Return generated designs float32[n, size, D] for people float32[n, N]."""
    n = len(person)
    z = rng.normal(size=(n * size, LATENT)).astype(np.float32)
    logits, continuous = served.generate(z, person)
    hot = np.arange(n * size) % size >= round(size * (1.0 - HOT_SHARE))
    temperature = np.where(hot, HOT_TEMPERATURE, TEMPERATURE)[:, None]
    designs = space.sample(logits, continuous, temperature, rng)
    return designs.reshape(n, size, -1)


def diversity(space: DesignSpace, pools: Vectors) -> float:
    """Return how different two designs of one pool are: 0 the same, 1 as random ones.

    The chance that two designs differ in an attribute, averaged over attributes and
    pools; a continuous attribute counts its mean absolute difference. Each is divided
    by what uniformly random designs have.
    """
    n_designs = pools.shape[1]
    pairs = n_designs / (n_designs - 1)
    parts = []
    for attribute, values in space.categorical.items():
        shares = pools[:, :, space.slices[attribute]].mean(1)  # (n, V)
        differ = pairs * (1.0 - (shares**2).sum(1).mean())
        parts.append(differ / (1.0 - 1.0 / len(values)))
    continuous = np.sort(pools[:, :, space.n_logits :], 1)  # (n, K, NC)
    # Mean |a - b| over pairs from order statistics; uniform numbers have 1/3.
    rank = 2.0 * np.arange(n_designs) - (n_designs - 1)
    spread = 2.0 * (rank[:, None] * continuous).sum(1) / (n_designs * (n_designs - 1))
    parts.extend((3.0 * spread.mean(0)).tolist())
    return float(np.mean(parts))
