"""Arrays of any shape and content -> scores and best designs."""

import random
from collections import Counter
from typing import Any

import numpy as np

from model_export.critic.layout import Layout
from streams.stages.creatives.score import (
    MEAN,
    best_by_draw,
    best_reference,
    score_designs,
    score_reference,
)

_ODD = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e38, -1e38], np.float32)
_SIZES = (0, 1, 2, 7, 8, 9, 33)
_OUTSIDE = (MEAN - 1, 10**6, 2**62, -(2**62))


class ScoreFeed:
    """Feeds the kernel of creatives."""

    def __init__(self, rng: random.Random, counts: Counter[str]) -> None:
        self._rng, self._counts = rng, counts
        self._numbers = np.random.default_rng(rng.getrandbits(64))

    def round(self) -> None:
        """Score designs and find the best; then lie about one of the arrays."""
        for _ in range(20):
            layout = Layout(self._sizes(), self._rng.randrange(4), 3)
            n, k, n_draws = (self._rng.choice(_SIZES) for _ in range(3))
            worth = self._floats(n, layout.n_looks, n_draws)
            self._score(layout, worth, k)
            self._find(layout, worth, k)

    def _score(self, layout: Layout, worth: Any, k: int) -> None:
        n, _, n_draws = worth.shape
        chosen = self._numbers.integers(
            0, max(layout.n_logits, 1), (len(layout.sizes), n, k)
        )
        given = [
            chosen,
            self._floats(n, k, layout.n_continuous),
            worth,
            self._floats(n, n_draws),
        ]
        with np.errstate(all="ignore"):
            expected = score_reference(layout, *given)
        if not np.array_equal(score_designs(layout, *given), expected, equal_nan=True):
            raise AssertionError("the compiled scores differ from numpy's")
        self._counts["scores"] += expected.size
        self._spoil(given, 0)
        try:
            score_designs(layout, *given)
        except ValueError:
            self._counts["scores refused"] += 1

    def _find(self, layout: Layout, worth: Any, k: int) -> None:
        n, _, n_draws = worth.shape
        given = [worth, self._numbers.integers(MEAN, max(n_draws, 1), (n, k))]
        if n_draws and np.isfinite(worth).all():
            with np.errstate(all="ignore"):
                expected = best_reference(layout, *given)
            for found, wanted in zip(
                best_by_draw(layout, *given), expected, strict=True
            ):
                if not np.array_equal(found, wanted):
                    raise AssertionError("the compiled best designs differ")
        self._counts["best designs"] += n * k
        self._spoil(given, 1)
        try:
            best_by_draw(layout, *given)
        except ValueError:
            self._counts["scores refused"] += 1

    def _spoil(self, given: list[Any], places: int) -> None:
        """Change the shape of one array, or a place to one that is not there."""
        if given[places].size and self._rng.random() < 0.3:
            at = self._rng.randrange(given[places].size)
            given[places].flat[at] = self._rng.choice(_OUTSIDE)
            return
        which = self._rng.randrange(len(given))
        shape = list(given[which].shape)
        at = self._rng.randrange(len(shape))
        shape[at] = self._rng.choice(_SIZES)
        given[which] = np.zeros(shape, given[which].dtype)

    def _sizes(self) -> tuple[int, ...]:
        return tuple(
            self._rng.randrange(1, 9) for _ in range(self._rng.randrange(1, 5))
        )

    def _floats(self, *shape: int) -> Any:
        numbers = self._numbers.standard_normal(shape, np.float32)
        if self._rng.random() < 0.3 and numbers.size:
            at = self._numbers.integers(0, numbers.size, 3)
            numbers.flat[at] = self._numbers.choice(_ODD, 3)
        return numbers
