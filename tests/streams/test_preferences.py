"""Rolling preferences: decay, order, consent, erasure, crash and restore."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Behavior, CategoryShift, Preference, Profile, TextSignal
from schemas.vocabulary import deployed
from streams.columns.rows import SURFACES
from streams.columns.rules import KIND_WEIGHTS
from streams.engine.stage import Incoming

HOUR = 3_600_000
START = 1_800_000_000_000
CODEC = Codec(Preference, LockedIds())
RUNNING = deployed().column("running")
COFFEE = deployed().column("coffee")


def event(
    offset,
    *,
    user="u",
    kind="click",
    category="running",
    at=START,
    consent=True,
    surface=None,
    event_id=None,
):
    value = Behavior(
        event_id=event_id or f"e{offset}",
        surface=surface,
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
    shape = (len(record.half_lives_s), len(deployed().categories))
    return np.frombuffer(record.weights, "<f4").reshape(shape)


def test_a_weight_halves_after_one_half_life(new_preferences):
    stage = new_preferences()
    later = event(1, category="coffee", at=START + HOUR)
    stage.step([event(0), later], START)
    record = latest(stage)["u"]
    assert weights(record)[0, RUNNING] == pytest.approx(0.5)
    assert weights(record)[0, COFFEE] == pytest.approx(1.0)
    assert weights(record)[1, RUNNING] == pytest.approx(0.5 ** (1 / 24))


@pytest.mark.parametrize("kind", sorted(KIND_WEIGHTS))
def test_each_kind_moves_its_category_by_its_weight(new_preferences, kind):
    stage = new_preferences()
    stage.step([event(0, kind=kind)], START)
    assert weights(latest(stage)["u"])[0, RUNNING] == KIND_WEIGHTS[kind]


def test_texts_and_profiles_move_preferences(new_preferences):
    stage = new_preferences()
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


def test_without_consent_nothing_is_kept_and_withdrawing_it_clears_the_weights(
    new_preferences,
):
    stage = new_preferences()
    stage.step([event(0, consent=False)], START)
    assert not weights(latest(stage)["u"]).any()
    stage.step([event(1, at=START + HOUR), event(2, at=START + HOUR)], START)
    assert weights(latest(stage)["u"]).any()
    stage.step([event(3, consent=False, at=START + 2 * HOUR)], START)
    record = latest(stage)["u"]
    assert not weights(record).any()
    assert record.consent is False


def test_what_was_done_before_a_withdrawal_stays_forgotten(new_preferences):
    stage = new_preferences()
    stage.step([event(0, consent=False, at=START + HOUR)], START)
    stage.step([event(1, at=START)], START)
    record = latest(stage)["u"]
    assert not weights(record).any()
    assert record.consent is False


def test_clearing_for_want_of_consent_holds_within_one_batch(new_preferences):
    stage = new_preferences()
    stage.step([event(0), event(1, consent=False)], START)
    assert not weights(latest(stage)["u"]).any()


def test_a_tombstone_erases_the_person(new_preferences):
    stage = new_preferences()
    stage.step([event(0)], START)
    latest(stage)
    stage.step([Incoming(Profile, "u", None, 0, 0)], START)
    assert latest(stage) == {"u": None}
    stage.step([event(1, user="v", category="coffee")], START)
    assert not weights(latest(stage)["v"])[:, RUNNING].any()


def test_a_text_that_comes_again_after_an_erasure_keeps_nobody(new_preferences):
    stage = new_preferences()
    text = TextSignal(
        text_id="t",
        user_id="u",
        kind="review",
        language="en",
        keywords=(),
        sentiment=0.5,
        shifts=(),
        written_at=START,
        consent=True,
    )
    stage.step([Incoming(TextSignal, "u", text, 0, 0)], START)
    stage.step([Incoming(Profile, "u", None, 0, 0)], START)
    stage.step([Incoming(TextSignal, "u", text, 0, 1)], START)
    assert latest(stage) == {"u": None}


def test_fatigue_counts_impressions_since_the_last_click(new_preferences):
    stage = new_preferences()
    stage.step([event(i, kind="impression") for i in range(3)], START)
    assert latest(stage)["u"].n_unclicked == 3
    clicked = event(3, kind="click", at=START + HOUR)
    shown = event(4, kind="impression", at=START + 2 * HOUR)
    stage.step([shown, clicked], START)
    assert latest(stage)["u"].n_unclicked == 1


def test_styles_wear_out_apart_and_recover_by_half_a_day(new_preferences):
    stage = new_preferences()
    shown = [
        event(0, kind="impression", surface="video"),
        event(1, kind="impression", surface=None),
        event(2, kind="view", at=START + 24 * HOUR),
    ]
    stage.step(shown, START)
    exposures = np.frombuffer(latest(stage)["u"].exposures, "<f4")
    assert dict(zip(SURFACES, exposures.tolist(), strict=True)) == pytest.approx(
        {"search": 0, "social": 0, "video": 0.5, "device": 0, "other": 0.5}
    )


def test_bursts_of_impressions_and_clicks_are_told_to_fraud_filters(new_preferences):
    stage = new_preferences()
    stage.step([event(i, at=START + i * 100) for i in range(50)], START)
    stage.step([event(50, kind="impression", at=START + 65_000)], START)
    shown, clicked = np.frombuffer(latest(stage)["u"].bursts, "<f4")
    assert shown == pytest.approx(1.0)
    assert 20 < clicked < 30


def test_only_changed_users_are_written(new_preferences):
    stage = new_preferences()
    stage.step([event(0, user="a"), event(1, user="b")], START)
    assert set(latest(stage)) == {"a", "b"}
    stage.step([event(2, user="b")], START)
    assert set(latest(stage)) == {"b"}
    assert latest(stage) == {}


YEAR = 365 * 24 * HOUR

EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["u", "v", "w"]),
        st.sampled_from(sorted(KIND_WEIGHTS)),
        st.sampled_from(["running", "coffee", "not-a-category"]),
        st.one_of(st.integers(0, 100 * HOUR), st.integers(-7 * YEAR, 0)),
        st.sampled_from(["search", "device", None]),
    ),
    max_size=30,
)
ANY_KERNEL = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def incoming(drawn, first_offset=0):
    """Events whose ids are their place in `drawn`."""
    return [
        event(
            first_offset + i,
            user=user,
            kind=kind,
            category=category,
            at=START + at,
            surface=surface,
            event_id=f"{user}{kind}{category}{at}{surface}",
        )
        for i, (user, kind, category, at, surface) in enumerate(drawn)
    ]


def assert_equal_states(got, expected):
    """Equal in what is counted, close in what is summed in float32."""
    assert got.keys() == expected.keys()
    for user, record in got.items():
        other = expected[user]
        for name in ("as_of", "n_events", "n_unclicked", "last_click_at", "consent"):
            assert getattr(record, name) == getattr(other, name), name
        assert record.unclicked_at == other.unclicked_at
        np.testing.assert_allclose(
            weights(record), weights(other), rtol=1e-4, atol=1e-5
        )
        for name in ("exposures", "bursts"):
            sums, others = (
                np.frombuffer(getattr(one, name), "<f4") for one in (record, other)
            )
            np.testing.assert_allclose(sums, others, rtol=1e-4, atol=1e-5)


@ANY_KERNEL
@given(drawn=EVENTS, checkpoint=st.integers(0, 30), crash=st.integers(0, 30))
def test_a_crash_anywhere_repeats_work_and_changes_nothing(
    new_preferences, drawn, checkpoint, crash
):
    """State at a checkpoint, more work, death, restore, everything since again."""
    events = incoming(list(dict.fromkeys(drawn)))
    whole = new_preferences()
    whole.step(events, START)

    first = new_preferences()
    first.step(events[:checkpoint], START)
    rows = first.take_dirty()
    first.step(events[checkpoint : checkpoint + crash], START)

    second = new_preferences()
    second.restore(rows)
    second.step(events[min(5, checkpoint) :], START)
    kept = {row.key: CODEC.decode(row.value) for row in rows}
    assert_equal_states(kept | latest(second), latest(whole))


@ANY_KERNEL
@given(drawn=EVENTS, random=st.randoms())
def test_state_is_a_function_of_the_set_of_events(new_preferences, drawn, random):
    """Permuted, with every event twice: the same state."""
    again = [*drawn, *drawn]
    random.shuffle(again)
    stages = (new_preferences(), new_preferences())
    for stage, order in zip(stages, (list(dict.fromkeys(drawn)), again), strict=True):
        stage.step(incoming(order), START)
    assert_equal_states(latest(stages[1]), latest(stages[0]))


def test_a_dropped_partition_is_forgotten(new_preferences):
    stage = new_preferences()
    stage.step([event(0)], START)
    stage.drop(0)
    assert latest(stage) == {}


def test_years_between_events_do_not_overflow(new_preferences):
    stage = new_preferences()
    stage.step([event(0, at=START - 7 * 365 * 24 * HOUR), event(1)], START)
    record = latest(stage)["u"]
    assert np.isfinite(weights(record)).all()
    assert weights(record)[0, RUNNING] == pytest.approx(1.0)
