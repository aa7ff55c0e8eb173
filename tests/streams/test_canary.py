"""When a canary is looked at, and what is said of it: intervals, errors, verdicts."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from streams.stages.rollout.canary import (
    BAD_ERROR,
    N_GROUPS,
    Tally,
    design_effect,
    difference,
    due_look,
    group_of,
    look,
    looks,
    spent,
)


def test_looks_are_taken_once_each_and_the_last_waits_for_the_canary_alone():
    sizes = looks(100, 400)
    assert sizes == [100, 200, 400]
    assert due_look(sizes, 0, Tally(99, 0), Tally(500, 0)) is None
    assert due_look(sizes, 0, Tally(120, 0), Tally(100, 0)) == 0
    assert due_look(sizes, 1, Tally(120, 0), Tally(199, 0)) is None
    assert due_look(sizes, 0, Tally(250, 0), Tally(230, 0)) == 1
    assert due_look(sizes, 1, Tally(400, 0), Tally(3, 0)) == 2
    assert looks(100, 100) == looks(200, 100) == [100]


@given(n=st.integers(0, 500), m=st.integers(0, 500), a=st.integers(0, 500), b=st.data())
def test_the_interval_holds_the_estimate_and_turns_with_the_arms(n, m, a, b):
    one = Tally(n, min(a, n))
    other = Tally(m, b.draw(st.integers(0, m)))
    ours, theirs = difference(one, other, 1.96), difference(other, one, 1.96)
    assert -1 - 1e-9 <= ours.low <= ours.value + 1e-9
    assert ours.value - 1e-9 <= ours.high <= 1 + 1e-9
    assert ours.low == pytest.approx(-theirs.high)


def test_a_look_spends_a_part_of_the_error_and_all_looks_all_of_it():
    sizes = looks(1_000, 50_000)
    parts = [spent(sizes, i) for i in range(len(sizes))]
    assert sum(parts) == pytest.approx(BAD_ERROR)
    assert parts == sorted(parts)


def test_a_person_is_in_one_group_and_groups_are_alike():
    groups = [group_of(f"user-{i}") for i in range(64_000)]
    assert groups == [group_of(f"user-{i}") for i in range(64_000)]
    counts = np.bincount(groups, minlength=N_GROUPS)
    assert len(counts) == N_GROUPS
    assert counts.min() > 800
    assert counts.max() < 1_200


def tally(n_groups, rates):
    return Tally(
        groups=[[100, round(100 * rate)] for rate in np.resize(rates, n_groups)]
    )


def test_groups_that_differ_more_than_chance_allows_widen_the_interval():
    assert design_effect() == design_effect(Tally(100, 4)) == 1.0
    assert design_effect(tally(N_GROUPS, [0.04])) == 1.0
    # A spread of 0.04 against the sqrt(0.06 x 0.94 / 100) of independent impressions.
    assert design_effect(tally(N_GROUPS, [0.02, 0.10])) == pytest.approx(
        100 * 0.04**2 / (0.06 * 0.94) * 64 / 63
    )
    plain, grouped = Tally(6_400, 384), tally(N_GROUPS, [0.02, 0.10])
    grouped.n, grouped.clicks = 6_400, 384
    one, other = difference(plain, plain, 1.96), difference(grouped, plain, 1.96)
    assert other.high - other.low > 1.3 * (one.high - one.low)


def test_what_is_taken_back_is_as_if_never_counted():
    taken = Tally()
    taken.add(3, 1, 1)
    taken.add(5, 1, 0)
    taken.add(3, -1, -1)
    assert (taken.n, taken.clicks) == (1, 0)
    assert taken.groups[3] == [0, 0]
    assert taken.groups[5] == [1, 0]


def verdicts(lift, n_canaries=300, rate=0.03, first=1_000, last=32_000):
    """Return the share of canaries found better, worse and unsure to the end."""
    rng = np.random.default_rng(11)
    found = {"better": 0, "worse": 0, "unsure": 0}
    sizes = looks(first, last)
    for _ in range(n_canaries):
        canary, champion, finding = Tally(), Tally(), "unsure"
        for index, size in enumerate(sizes):
            step = size - canary.n
            canary.n += step
            canary.clicks += int(rng.binomial(step, rate * lift))
            champion.n += step
            champion.clicks += int(rng.binomial(step, rate))
            finding, _ = look(canary, champion, sizes, index)
            if finding != "unsure":
                break
        found[finding] += 1
    return {name: count / n_canaries for name, count in found.items()}


def test_equal_models_are_seldom_told_worse_although_they_are_compared_often():
    assert verdicts(1.0)["worse"] <= 0.045  # 2.5 % and three standard errors


def test_a_model_that_loses_too_much_is_hardly_ever_promoted():
    assert verdicts(0.94, n_canaries=1_000)["better"] <= 0.016  # 0.75 % and three


def test_a_much_worse_model_is_rolled_back():
    shares = verdicts(0.8)
    assert shares["worse"] >= 0.95
    assert shares["better"] == 0


def test_a_better_model_is_promoted_and_never_rolled_back():
    shares = verdicts(1.2)
    assert shares["better"] >= 0.9
    assert shares["worse"] == 0
