"""A creative space: designs <-> vectors, sampling, hard rules, its file."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from model_export.generators.library import make_library
from model_export.space import design_space
from model_export.space.design_space import DesignSpace, SpaceError
from schemas.records import Design

DISPLAY = design_space.load()

WRONG = """
nam = "x"
[categorical]
one = ["only"]
two = ["a", "b"]
[continuous]
upside_down = [2, 1]
good = [0, 1]
[[forbid]]
name = "r"
category = ["not-a-category"]
two = { is = ["c"] }
good = { over = 1 }
absent = { below = 1 }
[[forbid]]
name = "r"
"""


def with_rule(rule: str) -> DesignSpace:
    return DesignSpace(
        'name = "small"\n[categorical]\ncolour = ["red", "blue"]\n'
        f"[continuous]\nsize = [10, 20]\n[[forbid]]\n{rule}"
    )


def design(colour: str, size: float) -> Design:
    return Design(categorical={"colour": colour}, continuous={"size": size})


@given(seed=st.integers(0, 2**32 - 1))
def test_a_design_survives_the_way_to_a_vector_and_back(seed):
    designs = DISPLAY.decode(DISPLAY.random(3, np.random.default_rng(seed)))
    assert DISPLAY.decode(DISPLAY.encode(designs)) == designs


def test_a_vector_has_one_hot_blocks_then_scaled_columns(display):
    vectors = display.random(50, np.random.default_rng(0))
    assert vectors.shape == (50, display.n_logits + display.n_continuous) == (50, 77)
    for attribute in display.categorical:
        block = vectors[:, display.slices[attribute]]
        assert set(np.unique(block)) <= {0.0, 1.0}
        assert (block.sum(1) == 1).all()
    assert vectors[:, 74:].min() >= 0
    assert vectors[:, 74:].max() <= 1


def test_a_space_may_be_all_numbers_or_all_categories(numbers):
    rng = np.random.default_rng(0)
    assert (numbers.n_logits, numbers.n_continuous) == (0, 10)
    drawn = numbers.sample(np.zeros((4, 0)), rng.random((4, 10)), 0.3, rng)
    assert numbers.decode(numbers.encode(numbers.decode(drawn))) == numbers.decode(
        drawn
    )
    words = DesignSpace('name = "w"\n[categorical]\na = ["x", "y"]')
    assert words.decode(words.random(5, rng))[0].continuous == {}


def test_the_travel_example_has_ten_attributes(travel):
    assert len(travel.categorical) + len(travel.continuous) == 10


def test_sampling_at_temperature_zero_takes_the_likeliest(display):
    logits = np.random.default_rng(1).normal(size=(20, 74)).astype(np.float32)
    continuous = np.full((20, 3), 0.5, np.float32)
    drawn = display.sample(logits, continuous, 0.0, np.random.default_rng(2))
    assert (drawn == display.harden(logits, continuous)).all()


def test_sampling_follows_the_softmax():
    space = DesignSpace('name = "w"\n[categorical]\na = ["x", "y", "z"]')
    chances = np.array([0.6, 0.3, 0.1])
    logits = np.tile(np.log(chances), (20_000, 1)).astype(np.float32)
    drawn = space.sample(logits, np.zeros((20_000, 0)), 1.0, np.random.default_rng(3))
    assert np.abs(drawn.mean(0) - chances).max() < 0.015


def test_the_same_seed_samples_the_same_designs(display):
    logits, continuous = np.zeros((9, 74), np.float32), np.zeros((9, 3), np.float32)
    first, second = (
        display.sample(logits, continuous, 1.0, np.random.default_rng(4))
        for _ in range(2)
    )
    assert (first == second).all()


@pytest.mark.parametrize(
    ("rule", "colour", "size", "broken"),
    [
        ('name = "a"\ncolour = { is = ["red"] }', "red", 12, True),
        ('name = "a"\ncolour = { is = ["red"] }', "blue", 12, False),
        ('name = "a"\nsize = { below = 12 }', "red", 11.9, True),
        ('name = "a"\nsize = { below = 12 }', "red", 12.1, False),
        ('name = "a"\nsize = { above = 12, below = 13 }', "red", 12.5, True),
        ('name = "a"\nsize = { above = 12, below = 13 }', "red", 13.5, False),
        (
            'name = "a"\ncolour = { is = ["red"] }\nsize = { above = 15 }',
            "red",
            16,
            True,
        ),
        (
            'name = "a"\ncolour = { is = ["red"] }\nsize = { above = 15 }',
            "red",
            14,
            False,
        ),
    ],
)
def test_a_rule_forbids_what_meets_all_its_conditions(rule, colour, size, broken):
    space = with_rule(rule)
    assert space.violations(space.encode([design(colour, size)])).tolist() == [[broken]]


def test_a_rule_for_a_category_holds_for_that_category_only():
    space = with_rule('name = "a"\ncategory = ["wine"]\ncolour = { is = ["red"] }')
    vectors = space.encode([design("red", 12)] * 3)
    judged = space.violations(vectors, ["wine", "tea", None])
    assert judged[:, 0].tolist() == [True, False, False]
    assert not space.violations(vectors).any()


def test_random_designs_break_no_rule_of_their_category(display):
    categories = ["insurance", "wine", "shoes"] * 100
    vectors = display.random(300, np.random.default_rng(0), categories)
    assert not display.violations(vectors, categories).any()
    free = display.random(2_000, np.random.default_rng(0))
    assert display.violations(free, ["insurance"] * 2_000).any()


def test_rules_that_leave_nothing_are_said_so():
    space = with_rule('name = "a"\ncolour = { is = ["red", "blue"] }')
    with pytest.raises(SpaceError, match="no legal design"):
        space.random(1, np.random.default_rng(0))


def test_all_mistakes_of_a_file_are_named_at_once():
    with pytest.raises(SpaceError) as caught:
        DesignSpace(WRONG)
    for mistake in (
        "nam: unknown",
        "name: expected a text",
        "categorical.one",
        "continuous.upside_down",
        "'not-a-category' is not in the vocabulary",
        "forbid r.two",
        "forbid r.good",
        "forbid r.absent: no such attribute",
        "forbid r: no condition",
        "two rules have this name",
    ):
        assert mistake in str(caught.value)


@pytest.mark.parametrize("text", ["name = ", 'name = "empty"', "forbid = 1", "\x00"])
def test_a_file_that_is_no_space_is_refused(text):
    with pytest.raises(SpaceError):
        DesignSpace(text)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SpaceError, match=r"absent\.toml"):
        design_space.load(tmp_path / "absent.toml")


def test_the_digest_is_of_the_meaning_not_of_the_text(display):
    commented = DesignSpace("# a remark\n" + display.source)
    redrawn = DesignSpace(f'{display.source}\n[draw.badge.new]\nen = "Fresh"\n')
    smaller = DesignSpace(display.source.replace('"ocean", ', ""))
    assert commented.digest == redrawn.digest == display.digest != smaller.digest


@pytest.mark.parametrize(
    "wrong",
    [
        Design(categorical={"colour": "green"}, continuous={"size": 12.0}),
        Design(categorical={}, continuous={"size": 12.0}),
        Design(categorical={"colour": "red"}, continuous={"size": 25.0}),
        Design(categorical={"colour": "red"}, continuous={"size": float("nan")}),
    ],
)
def test_a_design_outside_the_space_is_refused(wrong):
    with pytest.raises(SpaceError):
        with_rule('name = "a"\nsize = { below = 11 }').encode([wrong])


def test_the_library_is_legal_skewed_and_the_same_every_time(display):
    library, again = (make_library(display, 7) for _ in range(2))
    assert len(library.designs) == 1_000
    assert (library.designs == again.designs).all()
    assert not display.violations(library.designs, library.categories).any()
    layouts = library.designs[:, display.slices["layout"]].mean(0)
    assert layouts.max() > 2 / len(layouts)  # habits, not chance
