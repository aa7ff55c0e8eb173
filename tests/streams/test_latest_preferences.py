"""What is known of everybody: columns and single records say the same."""

import numpy as np
from hypothesis import given, strategies as st

from schemas.preference_vector import mixed, to_bytes
from schemas.records import Preference
from streams.columns.from_records import record_columns
from streams.stages.creatives.latest_preferences import READ, LatestPreferences

N_CATEGORIES = 3

people = st.sampled_from(["u1", "u2", "ü3"])
weights = st.lists(
    st.floats(-9, 9, width=32), min_size=2 * N_CATEGORIES, max_size=2 * N_CATEGORIES
)
told = st.tuples(people, weights, st.booleans(), st.booleans())


def preference(user, values, *, consent=True, lives=(60, 3600)):
    """A record of which only what is read matters."""
    return Preference(
        user_id=user,
        as_of=1,
        half_lives_s=lives,
        weights=np.array(values, "<f4").tobytes(),
        n_events=1,
        n_unclicked=0,
        consent=consent,
        language=None,
        region=None,
        age_band=None,
        device=None,
        behavior_offset=0,
        profile_offset=-1,
        text_offset=-1,
    )


def folded(latest, records):
    """Fold (offset, record) pairs in as columns of partition 0."""
    latest.fold(0, record_columns(Preference, records, READ))


@given(st.lists(told, max_size=12))
def test_columns_and_single_records_say_the_same(log):
    """In any mixture: what is odd in a fetch comes after its columns."""
    records = [
        (offset, preference(user, values, consent=consent), is_odd)
        for offset, (user, values, consent, is_odd) in enumerate(log)
    ]
    one_by_one, mixture = (LatestPreferences(N_CATEGORIES) for _ in range(2))
    for offset, record, _ in records:
        one_by_one.put(0, record, offset)
    folded(mixture, [(at, one) for at, one, is_odd in records if not is_odd])
    for offset, record, is_odd in records:
        if is_odd:
            mixture.put(0, record, offset)
    for user in ("u1", "u2", "ü3"):
        assert mixture.of(0, user) == one_by_one.of(0, user)


def test_a_vector_is_the_mixture_of_the_half_lives():
    latest = LatestPreferences(N_CATEGORIES)
    one = preference("u1", [1, 0, 0, 0, 2, 2])
    folded(latest, [(0, one)])
    assert latest.of(0, "u1") == to_bytes(mixed(one.weights, 2, N_CATEGORIES))


def test_a_tombstone_forgets_what_came_before_it_and_nothing_later():
    latest = LatestPreferences(N_CATEGORIES)
    rows = [(0, preference("u1", [1] * 6)), (9, preference("u2", [1] * 6))]
    folded(latest, rows)
    latest.forget(0, "u1", 5)
    latest.forget(0, "u2", 5)
    assert latest.of(0, "u1") is None
    assert latest.of(0, "u2") is not None


def test_weights_that_do_not_fit_or_are_not_finite_say_nothing():
    latest = LatestPreferences(N_CATEGORIES)
    broken = [
        (0, preference("u1", [1] * 5)),
        (1, preference("u2", [1, 2, 3, float("nan"), 5, 6])),
        (2, preference("u3", [1] * 6, lives=(60,) * 70)),
        (3, preference("u4", [1] * 6)),
        (4, preference("u5", [1] * 3, lives=(60,))),
    ]
    folded(latest, broken)
    known = [latest.of(0, f"u{n}") is not None for n in range(1, 6)]
    assert known == [False, False, False, True, True]


def test_a_partition_that_is_dropped_is_forgotten():
    latest = LatestPreferences(N_CATEGORIES)
    folded(latest, [(0, preference("u1", [1] * 6))])
    latest.drop(0)
    assert latest.of(0, "u1") is None
