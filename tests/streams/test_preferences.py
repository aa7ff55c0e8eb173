"""Rolling preferences: decay, order, consent, erasure, crash and restore."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Behavior, CategoryShift, Preference, Profile, TextSignal
from schemas.taxonomy import taxonomy
from streams.core.preferences import KIND_WEIGHTS, Preferences
from streams.core.stage import Incoming
from streams.settings import PreferencesSettings

HOUR = 3_600_000
START = 1_800_000_000_000
CODEC = Codec(Preference, LockedIds())
RUNNING = taxonomy().column("running")
COFFEE = taxonomy().column("coffee")


def new_stage():
    return Preferences(PreferencesSettings(), taxonomy(), CODEC)


def event(
    offset, *, user="u", kind="click", category="running", at=START, consent=True
):
    value = Behavior(
        event_id=f"e{offset}",
        user_id=user,
        kind=kind,
        occurred_at=at,
        category=category,
        consent=consent,
    )
    return Incoming(Behavior, user, value, 0, offset)


def latest(stage):
    rows = {row.key: row.value for row in stage.take_dirty()}
    return {
        user: None if value is None else CODEC.decode(value)
        for user, value in rows.items()
    }


def weights(record):
    shape = (len(record.half_lives_s), len(taxonomy()))
    return np.frombuffer(record.weights, "<f4").reshape(shape)


def test_a_weight_halves_after_one_half_life():
    stage = new_stage()
    later = event(1, category="coffee", at=START + HOUR)
    stage.step([event(0), later], START)
    record = latest(stage)["u"]
    assert weights(record)[0, RUNNING] == pytest.approx(0.5)
    assert weights(record)[0, COFFEE] == pytest.approx(1.0)
    assert weights(record)[1, RUNNING] == pytest.approx(0.5 ** (1 / 24))


@pytest.mark.parametrize("kind", sorted(KIND_WEIGHTS))
def test_each_kind_moves_its_category_by_its_weight(kind):
    stage = new_stage()
    stage.step([event(0, kind=kind)], START)
    assert weights(latest(stage)["u"])[0, RUNNING] == KIND_WEIGHTS[kind]


def test_texts_and_profiles_move_preferences():
    stage = new_stage()
    profile = Profile(
        user_id="u", updated_at=START, interests=("coffee", "unknown"), consent=True
    )
    signal = TextSignal(
        text_id="t",
        user_id="u",
        kind="review",
        language="en",
        keywords=(),
        sentiment=-0.9,
        shifts=(CategoryShift(category="running", weight=-0.9),),
        written_at=START,
        consent=True,
    )
    stage.step(
        [
            Incoming(Profile, "u", profile, 0, 0),
            Incoming(TextSignal, "u", signal, 0, 0),
        ],
        START,
    )
    record = latest(stage)["u"]
    assert weights(record)[0, COFFEE] == 2.0
    assert weights(record)[0, RUNNING] == pytest.approx(-0.9)


def test_without_consent_nothing_is_kept_and_withdrawing_it_clears_the_weights():
    stage = new_stage()
    stage.step([event(0, consent=False)], START)
    assert not weights(latest(stage)["u"]).any()
    stage.step([event(1), event(2)], START)
    assert weights(latest(stage)["u"]).any()
    stage.step([event(3, consent=False)], START)
    record = latest(stage)["u"]
    assert not weights(record).any()
    assert record.consent is False


def test_clearing_for_want_of_consent_holds_within_one_batch():
    stage = new_stage()
    stage.step([event(0), event(1, consent=False)], START)
    assert not weights(latest(stage)["u"]).any()


def test_a_tombstone_erases_the_person():
    stage = new_stage()
    stage.step([event(0)], START)
    latest(stage)
    stage.step([Incoming(Profile, "u", None, 0, 0)], START)
    assert latest(stage) == {"u": None}
    stage.step([event(1, user="v", category="coffee")], START)
    assert not weights(latest(stage)["v"])[:, RUNNING].any()


def test_fatigue_counts_impressions_since_the_last_click():
    stage = new_stage()
    stage.step([event(i, kind="impression") for i in range(3)], START)
    assert latest(stage)["u"].n_unclicked == 3
    stage.step([event(3, kind="click"), event(4, kind="impression")], START)
    assert latest(stage)["u"].n_unclicked == 1


def test_only_changed_users_are_written():
    stage = new_stage()
    stage.step([event(0, user="a"), event(1, user="b")], START)
    assert set(latest(stage)) == {"a", "b"}
    stage.step([event(2, user="b")], START)
    assert set(latest(stage)) == {"b"}
    assert latest(stage) == {}


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["u", "v", "w"]),
        st.sampled_from(sorted(KIND_WEIGHTS)),
        st.sampled_from(["running", "coffee", "not-a-category"]),
        st.integers(0, 100 * HOUR),
    ),
    max_size=30,
)


def incoming(drawn):
    return [
        event(i, user=user, kind=kind, category=category, at=START + at)
        for i, (user, kind, category, at) in enumerate(drawn)
    ]


@settings(deadline=None)
@given(EVENTS, st.integers(0, 30), st.integers(0, 30))
def test_a_crash_anywhere_repeats_work_and_changes_nothing(drawn, checkpoint, crash):
    """State at a checkpoint, more work, death, restore, everything since again."""
    events = incoming(drawn)
    whole = new_stage()
    whole.step(events, START)
    expected = latest(whole)

    first = new_stage()
    first.step(events[:checkpoint], START)
    rows = first.take_dirty()
    first.step(events[checkpoint : checkpoint + crash], START)

    second = new_stage()
    second.restore(rows)
    second.step(events[min(5, checkpoint) :], START)
    got = latest(second) | {}
    for user, record in got.items():
        assert record.n_events == expected[user].n_events
        assert record.n_unclicked == expected[user].n_unclicked
        np.testing.assert_allclose(
            weights(record), weights(expected[user]), rtol=1e-4, atol=1e-6
        )


@settings(deadline=None)
@given(EVENTS, st.randoms())
def test_the_order_of_events_does_not_change_the_weights(drawn, random):
    shuffled = list(drawn)
    random.shuffle(shuffled)
    stages = (new_stage(), new_stage())
    for stage, order in zip(stages, (drawn, shuffled), strict=True):
        stage.step(incoming(order), START)
    expected, got = map(latest, stages)
    for user, record in expected.items():
        np.testing.assert_allclose(
            weights(record), weights(got[user]), rtol=1e-4, atol=1e-5
        )


def test_a_dropped_partition_is_forgotten():
    stage = new_stage()
    stage.step([event(0)], START)
    stage.drop(0)
    assert latest(stage) == {}


def test_years_between_events_do_not_overflow():
    stage = new_stage()
    stage.step([event(0, at=START - 7 * 365 * 24 * HOUR), event(1)], START)
    record = latest(stage)["u"]
    assert np.isfinite(weights(record)).all()
    assert weights(record)[0, RUNNING] == pytest.approx(1.0)
