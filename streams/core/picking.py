"""Propose, pool, pick: designs for a micro-batch, each with a known propensity.

Everything random comes from one seed per request, so that the receipt alone is enough
to pick the same design again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model_export.design_space import DesignSpace
from schemas.records import Design
from streams.core.arms import Arm
from streams.core.model import Floats, Model
from streams.settings import CreativesSettings

BOLD_SHARE = 0.2
"""Share of candidates sampled at temperature 1: variety for the pick."""


@dataclass(frozen=True, slots=True)
class Pick:
    """One chosen design and how it was chosen."""

    design: Design
    seed: int
    n_candidates: int
    n_rejected: int
    rejections: tuple[str, ...]
    propensity: float
    score: float | None
    shadow_version: int | None


@dataclass(frozen=True, slots=True)
class _Pool:
    """Legal candidates of one request."""

    vectors: Floats
    n_rejected: int
    rejections: tuple[str, ...]
    rng: np.random.Generator


class Picker:
    """Picks a design for every request of a micro-batch."""

    def __init__(self, settings: CreativesSettings, space: DesignSpace) -> None:
        self.n_shadow_failures = 0
        self._settings = settings
        self._space = space

    def pick(
        self,
        arms: Sequence[Arm],
        conditions: Floats,
        categories: Sequence[str],
        seeds: Sequence[int],
    ) -> list[Pick]:
        """Return one pick per request; all arguments have one entry per request.

        Args:
            arms: who answers.
            conditions: condition vectors [n, conditions].
            categories: category advertised, for the rules that depend on it.
            seeds: seed of each request.
        """
        picks: dict[int, Pick] = {}
        for arm in set(arms):
            places = [i for i, other in enumerate(arms) if other == arm]
            group = self._pick_for(
                arm,
                conditions[places],
                [categories[i] for i in places],
                [seeds[i] for i in places],
            )
            picks.update(zip(places, group, strict=True))
        return [picks[i] for i in range(len(arms))]

    def _pick_for(
        self,
        arm: Arm,
        conditions: Floats,
        categories: Sequence[str],
        seeds: Sequence[int],
    ) -> list[Pick]:
        pools = self._pools(arm.model, conditions, categories, seeds)
        if arm.model is None:
            scores: list[Floats | None] = [None] * len(pools)
        else:
            scores = list(self._scores(arm.model, pools, conditions))
        shadow = None
        if arm.shadow and self._rehearses(arm.shadow, conditions, categories, seeds):
            shadow = arm.shadow.version
        return [
            self._choose(pool, score, seed, shadow)
            for pool, score, seed in zip(pools, scores, seeds, strict=True)
        ]

    def _pools(
        self,
        model: Model | None,
        conditions: Floats,
        categories: Sequence[str],
        seeds: Sequence[int],
    ) -> list[_Pool]:
        k = self._settings.candidates
        rngs = [np.random.default_rng(seed) for seed in seeds]
        if model is None:
            proposals = [
                self._space.random(k, rng, [category] * k)
                for rng, category in zip(rngs, categories, strict=True)
            ]
        else:
            proposals = self._propose(model, conditions, rngs)
        return [
            self._legal(vectors, category, rng)
            for vectors, category, rng in zip(proposals, categories, rngs, strict=True)
        ]

    def _propose(
        self, model: Model, conditions: Floats, rngs: Sequence[np.random.Generator]
    ) -> list[Floats]:
        k = self._settings.candidates
        z = np.concatenate([rng.standard_normal((k, model.z_size)) for rng in rngs])
        logits, continuous = model.propose(
            z.astype(np.float32), np.repeat(conditions, k, axis=0)
        )  # (n * k, NV), (n * k, NC)
        n_bold = int(k * BOLD_SHARE)
        proposals = []
        for i, rng in enumerate(rngs):
            rows = slice(i * k, (i + 1) * k)
            temperatures = (self._settings.temperature, 1.0)
            parts = [
                self._space.sample(logits[rows][part], continuous[rows][part], t, rng)
                for t, part in zip(
                    temperatures, (slice(n_bold, None), slice(n_bold)), strict=True
                )
            ]
            proposals.append(np.concatenate(parts))
        return proposals

    def _legal(self, vectors: Floats, category: str, rng: np.random.Generator) -> _Pool:
        """Drop what hard rules forbid; draw a legal one if they forbid everything."""
        broken = self._space.violations(vectors, [category] * len(vectors))
        illegal = broken.any(1)
        names = np.array(self._space.rule_names, dtype=object)[broken.any(0)]
        legal = vectors[~illegal]
        if not len(legal):
            legal = self._space.random(1, rng, [category])
        return _Pool(legal, int(illegal.sum()), tuple(names), rng)

    @staticmethod
    def _scores(
        model: Model, pools: Sequence[_Pool], conditions: Floats
    ) -> list[Floats]:
        """Return click probabilities [candidates, draws] of each pool."""
        sizes = [len(pool.vectors) for pool in pools]
        logits = model.score(
            np.concatenate([pool.vectors for pool in pools]),
            np.repeat(conditions, sizes, axis=0),
        )
        probabilities = 1 / (1 + np.exp(-logits.astype(np.float64)))
        return np.split(probabilities, np.cumsum(sizes)[:-1])

    def _choose(
        self, pool: _Pool, scores: Floats | None, seed: int, shadow: int | None
    ) -> Pick:
        n = len(pool.vectors)
        shares = np.full(n, 1 / n)
        if scores is not None:
            shares = self._shares(scores)
        chosen = min(int(np.searchsorted(np.cumsum(shares), pool.rng.random())), n - 1)
        same = (pool.vectors == pool.vectors[chosen]).all(1)
        return Pick(
            design=self._space.decode(pool.vectors[chosen : chosen + 1])[0],
            seed=seed,
            n_candidates=self._settings.candidates,
            n_rejected=pool.n_rejected,
            rejections=pool.rejections,
            propensity=float(shares[same].sum()),
            score=None if scores is None else float(scores[chosen].mean()),
            shadow_version=shadow,
        )

    def _shares(self, scores: Floats) -> Floats:
        """Return the pick's probabilities: softmax per draw, averaged, with a floor."""
        shifted = (scores - scores.max(0)) / self._settings.pick_temperature
        weights = np.exp(shifted)
        greedy = (weights / weights.sum(0)).mean(1)  # (candidates,)
        floor = self._settings.exploration
        shares: Floats = (1 - floor) * greedy + floor / len(scores)
        return shares

    def _rehearses(
        self,
        shadow: Model,
        conditions: Floats,
        categories: Sequence[str],
        seeds: Sequence[int],
    ) -> bool:
        """Let a shadow version do the same work; nothing it does may hurt serving."""
        try:
            pools = self._pools(shadow, conditions, categories, seeds)
            scores = self._scores(shadow, pools, conditions)
        except Exception:  # noqa: BLE001 - that is what the shadow is for
            self.n_shadow_failures += 1
            return False
        finite = all(np.isfinite(score).all() for score in scores)
        self.n_shadow_failures += not finite
        return finite
