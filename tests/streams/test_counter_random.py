"""Random numbers by counter: how they are distributed, what they depend on."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from streams.stages.creatives.counter_random import (
    fine_uniforms,
    normals,
    seeds_of,
    uniforms,
    words,
)

MASK = 2**64 - 1
SEEDS = st.lists(st.integers(0, MASK), min_size=1, max_size=40)


def split_mix(seed, n):
    """Figure 17 of Steele, Lea, Flood 2014 with plain integers."""
    for _ in range(n):
        seed = (seed + 0x9E3779B97F4A7C15) & MASK
        word = seed
        word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & MASK
        yield word ^ (word >> 31)


@given(SEEDS, st.integers(0, 9))
def test_the_first_stream_is_splitmix64(seeds, n):
    answer = words(seeds_of(seeds), 0, n)
    assert answer.tolist() == [list(split_mix(seed, n)) for seed in seeds]


def test_a_published_vector_of_splitmix64():
    # Seed 1234567, as in the reference program's description on Rosetta Code.
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert words(seeds_of([1234567]), 0, 3)[0].tolist() == expected


@given(SEEDS, st.integers(0, 2_000), st.integers(1, 33))
def test_numbers_of_a_seed_do_not_depend_on_its_neighbours(seeds, stream, n):
    for draw in (words, uniforms, normals):
        together = draw(seeds_of(seeds), stream, n)
        alone = [draw(seeds_of([seed]), stream, n)[0] for seed in seeds]
        assert together.tobytes() == np.array(alone).tobytes()


@given(SEEDS)
def test_uniform_numbers_lie_inside_the_open_unit_interval(seeds):
    for unit in (uniforms(seeds_of(seeds), 1, 101), fine_uniforms(seeds_of(seeds), 1)):
        assert ((unit > 0) & (unit < 1)).all()


def test_uniform_numbers_are_uniform_and_independent_across_seeds_and_streams():
    seeds = seeds_of(range(2_000))
    unit = np.concatenate([uniforms(seeds, stream, 50) for stream in (0, 1)], 1)
    counts = np.histogram(unit, 100, (0, 1))[0]
    excess = ((counts - unit.size / 100) ** 2 / (unit.size / 100)).sum()
    assert excess < 99 + 5 * math.sqrt(2 * 99)  # chi-squared, five deviations
    largest = np.abs(np.corrcoef(unit.T) - np.eye(100)).max()
    assert largest < 6 / math.sqrt(len(seeds))


def test_normal_numbers_have_the_moments_and_tails_of_the_normal_distribution():
    drawn = normals(seeds_of(range(20_000)), 0, 8).astype(np.float64)
    error = 1 / math.sqrt(drawn.size)
    assert drawn.mean() == pytest.approx(0, abs=5 * error)
    assert drawn.var() == pytest.approx(1, abs=5 * math.sqrt(2) * error)
    assert (drawn**4).mean() == pytest.approx(3, abs=5 * math.sqrt(96) * error)
    assert (np.abs(drawn) > 1.959964).mean() == pytest.approx(0.05, abs=5 * error)
    assert np.abs(np.corrcoef(drawn.T) - np.eye(8)).max() < 6 / math.sqrt(len(drawn))
