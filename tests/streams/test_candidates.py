"""Candidates as columns: drawn from the right distribution, judged as vectors are."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from model_export.space import design_space
from model_export.space.design_space import DesignSpace, SpaceError
from streams.stages.creatives.answers import Briefs
from streams.stages.creatives.candidates import Proposer
from streams.stages.creatives.counter_random import seeds_of
from streams.stages.creatives.hard_rules import HardRules

SPACE = design_space.load()
PROPOSER = Proposer(SPACE)
CATEGORIES = ("running", "insurance", "wine", "no such category")
NUMBERS = DesignSpace('name = "numbers"\n[continuous]\nwidth = [1, 3]\n')
STRICT = DesignSpace(
    'name = "strict"\n[categorical]\nhue = ["red", "blue"]\n'
    '[[forbid]]\nname = "no-red"\nhue = { is = ["red"] }\n'
)
NOTHING = DesignSpace(
    'name = "nothing"\n[categorical]\nhue = ["red", "blue"]\n'
    '[[forbid]]\nname = "no-hue"\nhue = { is = ["red", "blue"] }\n'
)


def vectors(space, candidates):
    """Return candidates as vectors [B, K, D], one-hot and scaled."""
    n, k, _ = candidates.continuous.shape
    answer = np.zeros((n, k, space.size), np.float32)
    for columns in candidates.chosen:
        np.put_along_axis(answer, columns[:, :, None], 1.0, 2)
    answer[:, :, space.n_logits :] = candidates.continuous
    return answer


def sampled(space, logits, seeds, temperature=1.0):
    n, k = logits.shape[:2]
    continuous = np.full((n, k, space.n_continuous), 0.5, np.float32)
    temperatures = np.full(k, temperature, np.float32)
    return Proposer(space).sampled(logits, continuous, temperatures, seeds)


def test_values_are_drawn_from_the_softmax_of_their_logits():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, SPACE.n_logits).astype(np.float32)
    n, k, temperature = 4_000, 5, 0.7
    drawn = sampled(
        SPACE, np.broadcast_to(logits, (n, k, len(logits))), seeds_of(range(n)), 0.7
    )
    shares = vectors(SPACE, drawn)[:, :, : SPACE.n_logits].mean((0, 1))
    for attribute in SPACE.categorical:
        block = SPACE.slices[attribute]
        weights = np.exp(logits[block].astype(float) / temperature)
        expected = weights / weights.sum()
        error = 5 * np.sqrt(expected * (1 - expected) / (n * k))
        assert (np.abs(shares[block] - expected) <= error + 1e-6).all()


def test_huge_logits_leave_no_doubt():
    logits = np.full((1, 3, SPACE.n_logits), -1e30, np.float32)
    best = [SPACE.slices[name].stop - 1 for name in SPACE.categorical]
    logits[:, :, best] = 1e30
    assert (sampled(SPACE, logits, seeds_of([1])).chosen[:, 0] == np.c_[best]).all()


@given(st.lists(st.integers(0, 2**63), min_size=1, max_size=20), st.data())
def test_hard_rules_say_of_columns_what_they_say_of_vectors(seeds, data):
    categories = [data.draw(st.sampled_from(CATEGORIES)) for _ in seeds]
    logits = np.zeros((len(seeds), 30, SPACE.n_logits), np.float32)
    drawn = sampled(SPACE, logits, seeds_of(seeds))
    drawn.continuous[:] = np.random.default_rng(seeds[0]).random(drawn.continuous.shape)
    rules = HardRules(SPACE)
    bits = rules.broken(drawn.chosen, drawn.continuous, Briefs.about(categories))
    broken = rules.unpacked(bits)
    flat = vectors(SPACE, drawn).reshape(-1, SPACE.size)
    repeated = [category for category in categories for _ in range(30)]
    expected = SPACE.violations(flat, repeated)
    assert not broken[..., -1].any()  # nobody is tired of a style
    assert (broken[..., :-1].reshape(expected.shape) == expected).all()


def test_a_space_may_have_more_rules_than_a_word_has_bits():
    many = [
        f'[[forbid]]\nname = "r{n}"\nhue = {{ is = ["red"] }}\nsize = {{ below = {n} }}'
        for n in range(1, 101)
    ]
    space = DesignSpace(
        "\n".join(
            [
                'name = "s"',
                "[categorical]",
                'hue = ["red", "blue"]',
                "[continuous]",
                "size = [0.0, 200.0]",
                *many,
            ]
        )
    )
    rules = HardRules(space)
    chosen = np.array([[[0, 0, 1]]])
    continuous = np.array([[[0.10], [0.25], [0.0]]], np.float32)  # of 200
    broken = rules.unpacked(rules.broken(chosen, continuous, Briefs.about(["running"])))
    assert broken.sum(2).tolist() == [[80, 50, 0]]
    assert (broken[0, 0, :-1] == (np.arange(1, 101) > 20)).all()


@given(st.lists(st.integers(0, 2**63), min_size=1, max_size=20))
def test_random_designs_are_legal_and_their_columns_decode_as_vectors_do(seeds):
    categories = ["insurance"] * len(seeds)
    drawn = PROPOSER.uniform(7, Briefs.about(categories), seeds_of(seeds))
    rules = HardRules(SPACE)
    assert not rules.broken(
        drawn.chosen, drawn.continuous, Briefs.about(categories)
    ).any()
    flat = vectors(SPACE, drawn).reshape(-1, SPACE.size)
    columns = drawn.chosen.reshape(len(SPACE.categorical), -1)
    continuous = drawn.continuous.reshape(-1, SPACE.n_continuous)
    assert SPACE.designs(columns, continuous) == SPACE.decode(flat)


def test_random_designs_are_uniform_over_the_legal_ones():
    drawn = PROPOSER.uniform(
        16, Briefs.about(["running"] * 3_000), seeds_of(range(3_000))
    )
    ours = vectors(SPACE, drawn).reshape(-1, SPACE.size).mean(0)
    other = SPACE.random(48_000, np.random.default_rng(0), ["running"] * 48_000)
    assert ours == pytest.approx(other.mean(0), abs=0.012)


def test_a_pool_without_a_legal_design_gets_one_at_random():
    red = np.full((3, 4, 2), -1e9, np.float32)
    red[:, :, 0] = 1e9
    seeds = seeds_of([1, 2, 3])
    briefs = Briefs.about(["running"] * 3)
    pools = Proposer(STRICT).judged(sampled(STRICT, red, seeds), briefs, seeds)
    assert pools.n_rejected.tolist() == [4, 4, 4]
    assert STRICT.rule_names == ("no-red",)
    assert pools.broken.tolist() == [[True, False]] * 3
    assert pools.is_legal.tolist() == [[True, False, False, False]] * 3
    assert pools.candidates.chosen[0, :, 0].tolist() == [1, 1, 1]


def test_rules_that_forbid_everything_are_named():
    with pytest.raises(SpaceError, match="no-hue"):
        Proposer(NOTHING).uniform(2, Briefs.about(["running"]), seeds_of([1]))


def test_a_space_of_numbers_alone_has_candidates_too():
    drawn = sampled(NUMBERS, np.zeros((2, 3, 0), np.float32), seeds_of([1, 2]))
    random = Proposer(NUMBERS).uniform(
        3, Briefs.about(["running"] * 2), seeds_of([1, 2])
    )
    for candidates in (drawn, random):
        assert vectors(NUMBERS, candidates).shape == (2, 3, 1)
    assert np.unique(random.continuous).size == 6
