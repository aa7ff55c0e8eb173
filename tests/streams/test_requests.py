import numpy as np
import pytest
from hypothesis import given, strategies as st

from schemas.preference_vector import cosine_distance, mixed
from schemas.records import Creative, CreativeRequest, Feedback, Preference
from schemas.vocabulary import deployed
from streams.engine.stage import Incoming, StateRow
from streams.settings import RequestsSettings
from streams.stages.requests.person import decode_person
from streams.stages.requests.stage import Requests
from tests.good_records import good

N = len(deployed().categories)
NOW = 1_800_000_000_000
SETTINGS = RequestsSettings(
    shift=0.35, fatigue_impressions=6, cooldown_s=20, deadline_s=30
)
SECOND = 1_000
HOUR = 3_600 * SECOND


def preference(at=NOW, liked=0, weight=3.0, user="u1", **changes):
    weights = np.zeros((2, N), np.float32)
    weights[:, liked] = weight
    usual = {"user_id": user, "as_of": at, "weights": weights.tobytes()}
    return good(Preference, **{**usual, **changes})


def explicit(at=NOW, placement="search-top", user="u1", **changes):
    fields = {
        "request_id": f"asked-{at}",
        "user_id": user,
        "reason": "explicit",
        "placement": placement,
        "surface": "search",
        "language": "en",
        "requested_at": at,
        "deadline_at": at + 1_000,
    }
    return CreativeRequest(**{**fields, **changes})


def incoming(*values, partition=0):
    return [
        Incoming(type(value), value.user_id, value, partition, offset)
        for offset, value in enumerate(values)
    ]


def asked(outgoing):
    return [(out.value.placement, out.value.reason) for out in outgoing]


def checkpointed(stage, rows=None):
    """Return a fresh stage with what the changelog holds."""
    again = Requests(SETTINGS)
    again.restore(stage.take_dirty() if rows is None else rows)
    return again


@pytest.mark.parametrize(("weight", "is_asked"), [(2**-1e-6, True), (0.5, False)])
def test_one_click_is_enough_though_what_came_after_it_has_let_it_fade(
    weight, is_asked
):
    out = Requests(SETTINGS).step(incoming(preference(weight=weight)), NOW)
    assert bool(out) is is_asked


def test_a_new_person_with_enough_history_gets_the_first_placement():
    (out,) = Requests(SETTINGS).step(incoming(preference(language="zh-Hans")), NOW)
    request = out.value
    assert (out.record, out.key) == (CreativeRequest, "u1")
    assert (request.placement, request.surface) == ("feed-card", "social")
    assert (request.reason, request.language) == ("new_user", "zh")
    assert (request.requested_at, request.deadline_at) == (NOW, NOW + 30 * SECOND)
    vector = np.frombuffer(request.preferences, "<f4")
    assert vector.shape == (N,)
    assert vector[0] == pytest.approx(vector.sum()) == 3


def test_a_person_with_little_history_waits():
    stage = Requests(SETTINGS)
    assert stage.step(incoming(preference(weight=0.4)), NOW) == []
    assert len(stage) == 0


def test_a_known_placement_replaces_the_first_one():
    stage = Requests(SETTINGS)
    stage.step(incoming(explicit()), NOW)
    later = NOW + 21 * SECOND
    out = stage.step(incoming(preference(later)), later)
    assert asked(out) == [("search-top", "new_user")]


def test_own_requests_teach_no_placement():
    stage = Requests(SETTINGS)
    own = explicit(reason="fatigue")
    stage.step(incoming(own), NOW)
    assert asked(stage.step(incoming(preference()), NOW)) == [("feed-card", "new_user")]


def test_moved_preferences_ask_again_and_equal_ones_do_not():
    stage = Requests(SETTINGS)
    stage.step(incoming(preference()), NOW)
    later = NOW + 30 * SECOND
    assert stage.step(incoming(preference(later)), later) == []
    out = stage.step(incoming(preference(later, liked=5)), later)
    assert asked(out) == [("feed-card", "preference_shift")]
    again = later + 30 * SECOND
    assert stage.step(incoming(preference(again, liked=5)), again) == []


def test_each_creative_needs_as_many_unclicked_impressions_again():
    stage = Requests(SETTINGS)
    now, reasons = NOW, []
    for n_unclicked in range(18):
        now += 60 * SECOND
        out = stage.step(incoming(preference(now, n_unclicked=n_unclicked)), now)
        reasons += [(n_unclicked, reason) for _, reason in asked(out)]
    assert reasons == [(0, "new_user"), (6, "fatigue"), (12, "fatigue")]


def test_a_click_starts_the_count_of_fatigue_anew():
    stage = Requests(SETTINGS)
    now, reasons = NOW, []
    for n_unclicked in [*range(8), *range(8)]:
        now += 60 * SECOND
        out = stage.step(incoming(preference(now, n_unclicked=n_unclicked)), now)
        reasons += [(n_unclicked, reason) for _, reason in asked(out)]
    assert reasons == [(0, "new_user"), (6, "fatigue"), (6, "fatigue")]


def test_a_reason_held_back_by_the_cooldown_fires_at_the_tick_after_it():
    stage = Requests(SETTINGS)
    stage.step(incoming(preference()), NOW)
    assert stage.step(incoming(preference(liked=5)), NOW + SECOND) == []
    assert stage.tick(NOW + 19 * SECOND) == []
    out = stage.tick(NOW + 20 * SECOND)
    assert asked(out) == [("feed-card", "preference_shift")]
    assert stage.tick(NOW + 41 * SECOND) == []


def test_a_reason_held_back_survives_a_restart():
    stage = Requests(SETTINGS)
    stage.step(incoming(preference()), NOW)
    stage.step(incoming(preference(liked=5)), NOW + SECOND)
    out = checkpointed(stage).tick(NOW + 20 * SECOND)
    assert asked(out) == [("feed-card", "preference_shift")]


def test_a_spent_creative_is_replaced_only_while_the_person_is_active():
    stage = Requests(SETTINGS)
    stage.step(
        incoming(preference(user="here"), preference(user="gone")),
        NOW,
    )
    later = NOW + HOUR - SECOND
    assert stage.step(incoming(preference(later, user="here")), later) == []
    out = stage.tick(NOW + HOUR + SECOND)
    assert [(o.key, o.value.reason) for o in out] == [("here", "expiry")]
    back = NOW + 3 * HOUR
    out = stage.step(incoming(preference(back, user="gone")), back)
    assert asked(out) == [("feed-card", "expiry")]


def test_an_explicit_request_starts_the_cooldown_and_answers_the_fatigue():
    stage = Requests(SETTINGS)
    stage.step(incoming(preference()), NOW)
    now = NOW + 60 * SECOND
    stage.step(incoming(preference(now, n_unclicked=5)), now)
    stage.step(incoming(explicit(now, "feed-card", surface="social")), now)
    out = stage.step(
        incoming(preference(now, n_unclicked=10)),
        now + 30 * SECOND,
    )
    assert out == []
    out = stage.step(
        incoming(preference(now, n_unclicked=11)),
        now + 31 * SECOND,
    )
    assert asked(out) == [("feed-card", "fatigue")]


def test_without_consent_nothing_is_asked_and_nothing_is_kept_of_the_taste():
    stage = Requests(SETTINGS)
    assert stage.step(incoming(preference(consent=False)), NOW) == []
    stage.step(incoming(preference()), NOW)
    stage.step(incoming(preference(consent=False, n_unclicked=50)), NOW)
    assert stage.tick(NOW + HOUR) == []
    (row,) = stage.take_dirty()
    person = decode_person(row.value, N)
    assert (person.vector, person.has_history) == (None, False)
    assert [place.snapshot for place in person.places.values()] == [None]


def test_consent_given_again_is_a_new_start():
    stage = Requests(SETTINGS)
    stage.step(incoming(preference()), NOW)
    stage.step(incoming(preference(consent=False)), NOW)
    later = NOW + 60 * SECOND
    out = stage.step(incoming(preference(later)), later)
    assert asked(out) == [("feed-card", "new_user")]


def test_an_erased_person_is_forgotten_and_their_creatives_are_withdrawn():
    stage = Requests(SETTINGS)
    stage.step(incoming(preference()), NOW)
    stage.take_dirty()
    out = stage.step([Incoming(Preference, "u1", None, 0, 9)], NOW)
    assert {
        (each.record, each.key, each.value, each.partition_key) for each in out
    } == {
        (Creative, f"u1|{placement}", None, "u1") for placement in deployed().placements
    }
    assert stage.take_dirty() == [StateRow(0, "u1", None)]
    assert stage.tick(NOW + HOUR) == []


@pytest.mark.parametrize("record", [CreativeRequest, Feedback])
def test_only_a_tombstone_of_preferences_erases(record):
    stage = Requests(SETTINGS)
    stage.step(incoming(preference()), NOW)
    assert stage.step([Incoming(record, "u1", None, 0, 9)], NOW) == []
    assert len(stage) == 1


def test_the_idle_are_forgotten():
    stage = Requests(SETTINGS)
    stage.step(incoming(preference()), NOW)
    stage.take_dirty()
    stage.tick(NOW + 7 * 24 * HOUR)
    assert stage.take_dirty() == [StateRow(0, "u1", None)]
    assert len(stage) == 0


def test_people_of_an_old_log_are_not_advertised_to():
    stage = Requests(SETTINGS)
    assert stage.step(incoming(preference(NOW - 365 * 24 * HOUR)), NOW) == []
    assert len(stage) == 0


def test_state_is_written_only_when_it_decides_something():
    stage = Requests(SETTINGS)
    stage.step(incoming(preference()), NOW)
    assert len(stage.take_dirty()) == 1
    stage.step(incoming(preference(n_unclicked=3)), NOW + SECOND)
    assert stage.take_dirty() == []


def test_a_dropped_partition_is_forgotten():
    stage = Requests(SETTINGS)
    stage.step(incoming(preference(), partition=2), NOW)
    stage.drop(2)
    assert (len(stage), stage.take_dirty(), stage.tick(NOW + HOUR)) == (0, [], [])


@given(
    likes=st.lists(st.integers(0, 3), min_size=1, max_size=12),
    cut=st.integers(0, 12),
    delay=st.integers(0, 50),
)
def test_records_repeated_after_a_crash_give_the_same_requests(likes, cut, delay):
    records = [
        preference(NOW + 25 * SECOND * i, liked, n_unclicked=2 * i)
        for i, liked in enumerate(likes)
    ]

    def run(stage, records, late=0):
        ids = set()
        for record in records:
            now = record.as_of + late
            for out in stage.tick(now) + stage.step(incoming(record), now):
                ids.add((out.value.request_id, out.value.reason))
        return ids

    whole = run(Requests(SETTINGS), records)
    stage = Requests(SETTINGS)
    before = run(stage, records[:cut])
    rows = stage.take_dirty()
    lost = run(stage, records[cut:])
    again = run(checkpointed(stage, rows), records[cut:], late=delay)
    assert before | lost == whole
    assert lost == again


@given(st.lists(st.integers(0, 100), min_size=4, max_size=4))
def test_decay_moves_no_preference_vector(weights):
    rows = np.float32([weights, weights])
    decayed = np.float32([rows[0] * np.float32(0.25), rows[1] * np.float32(0.5)])
    one, other = mixed(rows.tobytes(), 2, 4), mixed(decayed.tobytes(), 2, 4)
    assert cosine_distance(one, other) < 1e-5
