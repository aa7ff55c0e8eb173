"""Arms, pools and picks: propensities are what they say."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, strategies as st

from model_export.critic.layout import Layout
from model_export.space import design_space
from model_export.space.conditioning import CONDITION_SIZE
from schemas.records import ModelRelease
from streams.errors import StateError
from streams.settings import CreativesSettings
from streams.stages.creatives.answers import NO_SHADOW, Briefs
from streams.stages.creatives.arms import Arm, Arms
from streams.stages.creatives.counter_random import seeds_of
from streams.stages.creatives.picking import Picker

SPACE = design_space.load()


class LinearModel:
    """A small generator and critic with fixed random weights."""

    name = "linear"
    space = SPACE
    z_size = 4

    def __init__(self, version=1, *, broken=False):
        self.version = version
        self.sha256 = f"sha-{version}"
        self.broken = broken
        rng = np.random.default_rng(version)
        self.w_z = rng.normal(size=(self.z_size, SPACE.size))
        self.w_c = rng.normal(size=(CONDITION_SIZE, SPACE.size))
        self.layout = Layout.of(SPACE, 2)
        self.w_s = rng.normal(size=(self.layout.n_looks, 8)).astype(np.float32)

    def person(self, conditions):
        return conditions

    def propose(self, z, person):
        out = z @ self.w_z + (person @ self.w_c)[:, None]
        continuous = 1 / (1 + np.exp(-out[..., SPACE.n_logits :]))
        return out[..., : SPACE.n_logits], continuous

    def worth(self, person):
        worth = np.repeat(self.w_s[None], len(person), 0)
        rest = np.full((len(person), 8), -3, np.float32)
        return (worth * np.nan, rest) if self.broken else (worth, rest)


def conditions(n):
    return np.random.default_rng(0).random((n, CONDITION_SIZE)).astype(np.float32)


def pick(arm, seeds, **settings):
    picker = Picker(CreativesSettings(**settings), SPACE)
    n = len(seeds)
    given = conditions(1).repeat(n, 0)
    return picker.pick([arm] * n, given, Briefs.about(["running"] * n), seeds_of(seeds))


def designs(picks):
    return SPACE.designs(picks.columns.T, picks.continuous)


def test_the_same_seed_gives_the_same_pick_alone_or_in_a_batch():
    arm = Arm("champion", LinearModel())
    together = pick(arm, list(range(20)))
    for seed in range(20):
        alone = pick(arm, [seed])
        assert designs(alone) == [designs(together)[seed]]
        assert alone.propensity[0] == together.propensity[seed]


def test_every_request_gets_its_own_arms_pick_whatever_the_others_get():
    arms = [Arm("control"), Arm("champion", LinearModel()), Arm("canary")] * 4
    given, seeds = conditions(12), seeds_of(range(12))
    picker = Picker(CreativesSettings(), SPACE)
    together = designs(picker.pick(arms, given, Briefs.about(["running"] * 12), seeds))
    for row, arm in enumerate(arms):
        own = slice(row, row + 1)
        alone = picker.pick([arm], given[own], Briefs.about(["running"]), seeds[own])
        assert designs(alone) == [together[row]]


def test_no_pick_breaks_a_hard_rule():
    for arm in (Arm("control"), Arm("champion", LinearModel())):
        for category in ("insurance", "running"):
            picker = Picker(CreativesSettings(), SPACE)
            n = 50
            seeds = seeds_of(range(n))
            picks = picker.pick(
                [arm] * n, conditions(n), Briefs.about([category] * n), seeds
            )
            vectors = SPACE.encode(designs(picks))
            assert not SPACE.violations(vectors, [category] * n).any()


def test_control_picks_uniformly_and_says_so():
    picks = pick(Arm("control"), list(range(50)), candidates=4)
    assert set(picks.propensity.tolist()) == {0.25}
    assert np.isnan(picks.score).all()


def test_every_candidate_keeps_the_exploration_floor():
    settings = {"candidates": 8, "exploration": 0.4, "pick_temperature": 0.001}
    picks = pick(Arm("champion", LinearModel()), list(range(300)), **settings)
    above = picks.propensity - 0.4 / (8 - picks.n_rejected)
    assert above.min() == pytest.approx(0, abs=1e-6)


def test_propensities_are_calibrated():
    """The mean of 1/p over picks estimates the size of the pool."""
    picks = pick(
        Arm("champion", LinearModel()),
        list(range(2_000)),
        candidates=6,
        thompson_share=0.0,
        temperature=9.0,  # no two of a pool are equal
    )
    inverse = 1 / picks.propensity
    pool = np.mean(6 - picks.n_rejected)
    interval = 4 * inverse.std() / np.sqrt(len(inverse))
    assert inverse.mean() == pytest.approx(pool, abs=interval)


def test_thompson_designs_are_the_best_of_the_mean_or_of_a_draw():
    model = LinearModel()
    picks = pick(Arm("champion", model), list(range(40)), thompson_share=1.0)
    columns = set(columns_of(picks))
    assert columns <= best_columns([*model.w_s.T, model.w_s.mean(1)])
    assert len(columns) > 1


def test_each_draw_with_a_design_in_the_pool_picks_that_design():
    model = LinearModel()
    picks = pick(Arm("champion", model), list(range(200)), exploration=0.0)
    best = best_columns(model.w_s.T)
    is_best = [columns in best for columns in columns_of(picks)]
    assert np.mean(is_best) > 0.9  # the rest: a hard rule forbids the draw's own


def best_columns(draws):
    """Return the one-hot columns of the best design of each draw's weights."""
    blocks = [SPACE.slices[name] for name in SPACE.categorical]
    return {
        tuple(block.start + worth[block].argmax() for block in blocks)
        for worth in draws
    }


def columns_of(picks):
    """Return the one-hot columns of each picked design."""
    shown = SPACE.encode(designs(picks))
    return [tuple(np.flatnonzero(row[: SPACE.n_logits])) for row in shown]


def test_a_shadow_that_fails_is_not_credited_and_serving_goes_on():
    good = pick(Arm("champion", LinearModel(1), LinearModel(2)), [1, 2])
    assert set(good.shadow_version.tolist()) == {2}
    bad = pick(Arm("champion", LinearModel(1), LinearModel(2, broken=True)), [1, 2])
    assert set(bad.shadow_version.tolist()) == {NO_SHADOW}
    assert designs(good) == designs(bad)


def release(stage, version, champion, share=0.0):
    return ModelRelease(
        model_name="linear",
        version=version,
        sha256="x",
        stage=stage,
        canary_share=share,
        champion_version=champion,
        champion_sha256="x",
        verdicts=(),
        released_at=0,
    )


MODELS = {1: LinearModel(1), 2: LinearModel(2)}


def test_shares_of_people_are_as_asked():
    arms = Arms(control_share=0.2)
    arms.follow(release("canary", 2, 1, share=0.25), MODELS)
    counts = Counter(arm.name for arm in arms.of([f"u{i}" for i in range(20_000)]))
    assert counts["control"] / 20_000 == pytest.approx(0.2, abs=0.02)
    assert counts["canary"] / 20_000 == pytest.approx(0.8 * 0.25, abs=0.02)


@given(st.text())
def test_a_person_stays_in_their_arm_when_a_canary_is_promoted(user):
    arms = Arms(control_share=0.2)
    arms.follow(release("canary", 2, 1, share=0.5), MODELS)
    (before,) = arms.of([user])
    arms.follow(release("champion", 2, 2), MODELS)
    (after,) = arms.of([user])
    assert (before.name == "control") == (after.name == "control")
    assert after.name == "control" or after.version == 2
    assert arms.n_swaps == 1


def test_a_rollback_sends_everybody_back_to_the_champion():
    arms = Arms(control_share=0.0)
    arms.follow(release("canary", 2, 1, share=1.0), MODELS)
    assert arms.of(["u"])[0].version == 2
    arms.follow(release("rolled_back", 2, 1), MODELS)
    assert arms.of(["u"])[0].version == 1
    assert arms.n_swaps == 0


def test_before_the_first_release_nobody_is_answered():
    with pytest.raises(StateError, match="no champion yet"):
        Arms(control_share=0.0).of(["u"])
