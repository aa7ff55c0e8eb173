"""Propose, pool, pick: designs for a micro-batch, each with a known propensity.

Everything random comes from one seed per request, so that the receipt alone is enough
to pick the same design again, whoever else was in the micro-batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_export.critic.pick import click_probability, pick_probabilities
from model_export.space.design_space import DesignSpace
from streams.settings import CreativesSettings
from streams.stages.creatives.answers import NO_SHADOW, Briefs, Picks, merged
from streams.stages.creatives.arms import Arm, Floats, ServedModel
from streams.stages.creatives.candidates import (
    LATENT_STREAM,
    PICK_STREAM,
    THOMPSON_STREAM,
    Candidates,
    Pools,
    Proposer,
    joined,
)
from streams.stages.creatives.counter_random import (
    Words,
    fine_uniforms,
    normals,
    uniforms,
)
from streams.stages.creatives.score import MEAN, best_by_draw, score_designs

BOLD_SHARE = 0.2
"""Share of generated candidates sampled at temperature 1: variety for the pick."""

SAMPLES = 2
"""Candidates sampled from one latent: half the generator's work, and little less
variety, for most of it comes from sampling."""


@dataclass(frozen=True)
class ArmRequests:
    """The requests of a micro-batch that one arm answers."""

    conditions: Floats
    briefs: Briefs
    seeds: Words


class Picker:
    """Picks a design for every request of a micro-batch."""

    def __init__(self, settings: CreativesSettings, space: DesignSpace) -> None:
        self.n_shadow_failures = 0
        self._settings = settings
        self.space = space
        self._proposer = Proposer(space)
        self._n_thompson = int(settings.candidates * settings.thompson_share)
        self._n_generated = settings.candidates - self._n_thompson
        self._temperatures = np.full(
            self._n_generated, settings.temperature, np.float32
        )
        n_bold = int(self._n_generated * BOLD_SHARE)
        self._temperatures[self._n_generated - n_bold :] = 1.0

    @property
    def n_candidates(self) -> int:
        """K: designs a pool."""
        return self._settings.candidates

    def pick(
        self,
        arms: Sequence[Arm],
        conditions: Floats,
        briefs: Briefs,
        seeds: Words,
    ) -> Picks:
        """Return one pick per request; all arguments have one entry per request.

        Args:
            arms: who answers.
            conditions: condition vectors [n, conditions].
            briefs: what is advertised, for the rules that depend on it.
            seeds: uint64[n], seed of each request.
        """
        places: dict[int, list[int]] = {}  # by identity: arms are slow to hash
        for place, arm in enumerate(arms):
            places.setdefault(id(arm), []).append(place)
        parts = []
        for listed in places.values():
            arm = arms[listed[0]]
            own = np.array(listed, np.intp)
            group = ArmRequests(conditions[own], briefs.of(listed), seeds[own])
            parts.append((own, self._pick_for(arm, group)))
        return merged(parts)

    def _pick_for(self, arm: Arm, group: ArmRequests) -> Picks:
        pools, scores = self.pools(arm.model, group)
        shadow = NO_SHADOW
        if arm.shadow and self._rehearses(arm.shadow, group):
            shadow = arm.shadow.version
        return self._choose(pools, scores, group.seeds, shadow)

    def pools(
        self, model: ServedModel | None, group: ArmRequests
    ) -> tuple[Pools, Floats | None]:
        """Return candidates, and their click logits [n, K, S] if a model proposed."""
        if model is None:
            k = self._settings.candidates
            uniform = self._proposer.uniform(k, group.briefs, group.seeds)
            return self._judged(uniform, group), None
        person = model.person(group.conditions)
        worth, base = model.worth(person)  # (n, F, S), (n, S)
        parts = []
        if self._n_generated:
            parts.append(self._generated(model, person, group.seeds))
        if self._n_thompson:
            parts.append(self._thompson(model, worth, group.seeds))
        pools = self._judged(joined(parts), group)
        chosen, continuous = pools.candidates.chosen, pools.candidates.continuous
        return pools, score_designs(model.layout, chosen, continuous, worth, base)

    def _judged(self, candidates: Candidates, group: ArmRequests) -> Pools:
        return self._proposer.judged(candidates, group.briefs, group.seeds)

    def _generated(
        self, model: ServedModel, person: Floats, seeds: Words
    ) -> Candidates:
        """Return designs sampled from the generator, `SAMPLES` a latent."""
        n, k = len(seeds), self._n_generated
        n_latents = -(-k // SAMPLES)
        z = normals(seeds, LATENT_STREAM, n_latents * model.z_size)
        logits, continuous = model.propose(
            z.reshape(n, n_latents, model.z_size), person
        )  # (n, latents, NV), (n, latents, NC)
        latent = np.arange(k) % n_latents  # the bold ones share theirs with calm ones
        return self._proposer.sampled(
            logits[:, latent], continuous[:, latent], self._temperatures, seeds
        )

    def _thompson(self, model: ServedModel, worth: Floats, seeds: Words) -> Candidates:
        """Return the best design of the posterior mean, and those of some draws.

        Whatever the generator proposes, the pool then has what the critic would choose
        by itself; the draws, each request's own, explore.
        """
        draws = self._draws(seeds, worth.shape[2])
        draws[:, 0] = MEAN
        return Candidates(*best_by_draw(model.layout, worth, draws))

    def _choose(
        self, pools: Pools, scores: Floats | None, seeds: Words, shadow: int
    ) -> Picks:
        """Pick one of each pool; scores are [n, K, draws], or None for any."""
        shares = self._shares(pools, scores, seeds)  # (n, K)
        n = len(seeds)
        rows = np.arange(n)
        chosen = _drawn(shares, fine_uniforms(seeds, PICK_STREAM))
        columns = pools.candidates.chosen[:, rows, chosen]  # (A, n)
        continuous = pools.candidates.continuous[rows, chosen]  # (n, NC)
        # Equal designs are one choice: the propensity is that of showing this one.
        same = (pools.candidates.chosen == columns[:, :, None]).all(0)
        same &= (pools.candidates.continuous == continuous[:, None]).all(2)
        score = np.full(n, np.nan)
        if scores is not None:
            score = click_probability(scores[rows, chosen])
        return Picks(
            columns=np.ascontiguousarray(columns.T),
            continuous=continuous,
            n_rejected=pools.n_rejected,
            broken=pools.broken,
            propensity=np.where(same, shares, 0.0).sum(1),
            score=score,
            shadow_version=np.full(n, shadow),
        )

    def _draws(self, seeds: Words, n_draws: int) -> NDArray[np.intp]:
        """Return the posterior draws whose best designs join the pool: [n, k].

        The first one's place is taken by the posterior mean.
        """
        unit = uniforms(seeds, THOMPSON_STREAM, self._n_thompson)
        return (unit * n_draws).astype(np.intp)

    def _shares(
        self, pools: Pools, scores: Floats | None, seeds: Words
    ) -> NDArray[np.float64]:
        """Return the probability with which each candidate is picked: [n, K].

        The draws whose best designs are in the pool decide: each picks its best of the
        pool, which is Thompson sampling. Draws without a design of their own there
        would mostly settle for what is good on average, and explore less.
        """
        if scores is None:
            shares: NDArray[np.float64] = pools.is_legal / pools.is_legal.sum(
                1, keepdims=True
            )
            return shares
        if self._n_thompson > 1:
            own = self._draws(seeds, scores.shape[2])[:, 1:]
            scores = np.take_along_axis(scores, own[:, None], 2)
        return pick_probabilities(
            scores,
            pools.is_legal,
            self._settings.pick_temperature,
            self._settings.exploration,
        )

    def _rehearses(self, shadow: ServedModel, group: ArmRequests) -> bool:
        """Let a shadow version do the same work; nothing it does may hurt serving."""
        try:
            _, scores = self.pools(shadow, group)
        except Exception:  # noqa: BLE001 - that is what the shadow is for
            self.n_shadow_failures += 1
            return False
        finite = scores is not None and bool(np.isfinite(scores).all())
        self.n_shadow_failures += not finite
        return finite


def _drawn(
    shares: NDArray[np.float64], uniforms: NDArray[np.float64]
) -> NDArray[np.intp]:
    """Return the place that each row's number falls on; never one without a share."""
    cumulative = np.cumsum(shares, 1)
    reached = np.minimum(uniforms, cumulative[:, -1])  # a total may round below one
    return np.asarray((cumulative < reached[:, None]).sum(1), np.intp)
