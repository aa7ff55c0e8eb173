"""Simulated people for the learning tests: feedback whose truth is known."""

from dataclasses import dataclass

import numpy as np

from model_export.space import conditioning
from schemas.records import Feedback


@dataclass(frozen=True)
class Truth:
    """What people like, for spaces with the attributes of the travel example.

    Everybody likes the first palette; those for whom the first half of the categories
    weighs more like the first call to action, the others the second.
    """

    space: object

    def rate(self, design, condition):
        """Return click probabilities [n]."""
        palette = design[:, self.space.slices["palette"].start]
        first = self.space.slices["cta"].start
        half = conditioning.N_CATEGORIES // 2
        camp = condition[:, :half].sum(1) > condition[:, half : 2 * half].sum(1)
        liked = np.where(camp, design[:, first], design[:, first + 1])
        return 0.03 + 0.12 * palette + 0.25 * liked


def people(n, rng):
    """Return conditions of two camps: each likes one half of the categories."""
    weights = rng.gamma(0.3, size=(n, conditioning.N_CATEGORIES))
    half = conditioning.N_CATEGORIES // 2
    camp = rng.random(n) < 0.5
    weights[camp, :half] *= 20
    weights[~camp, half:] *= 20
    surfaces = [conditioning.SURFACES[i] for i in rng.integers(0, 4, n)]
    return conditioning.condition(weights, surfaces, rng.integers(0, 24, n))


def feedback(space, n, seed, *, shuffled=False, clicks=True):
    """Return n feedback records of random designs, shown to 3 n / 4 people."""
    rng = np.random.default_rng(seed)
    designs, conditions = space.random(n, rng), people(n, rng)
    clicked = rng.random(n) < Truth(space).rate(designs, conditions)
    if shuffled:
        clicked = rng.permutation(clicked)
    return [
        record(
            row,
            design=design,
            condition=conditioning.to_bytes(conditions[row]),
            reward=float(clicked[row] and clicks),
            user_id=f"user-{row % (3 * n // 4)}",
            arm="control" if row % 2 else "champion",
        )
        for row, design in enumerate(space.decode(designs))
    ]


def record(number, **fields):
    """Return a feedback record of one impression."""
    full = {
        "feedback_id": f"feedback-{number}",
        "impression_id": f"impression-{number}",
        "revision": 0,
        "user_id": f"user-{number}",
        "reward": 0.0,
        "valid": True,
        "shown_at": 1_000 * number,
        "decided_at": 1_000 * number + 500,
        "category": "shoes",
        "arm": "champion",
        "propensity": 1 / 16,
        **fields,
    }
    outcome = {1.0: "click", -1.0: "dismiss"}.get(full["reward"], "none")
    return Feedback(**{"outcome": outcome, **full})
