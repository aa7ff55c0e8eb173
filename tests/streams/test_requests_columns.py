"""Preferences that come as columns mean what they mean one by one."""

from dataclasses import replace
from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from schemas.records import Creative, CreativeRequest, RequestReason
from schemas.vocabulary import deployed
from streams.columns.payload import Payload
from streams.engine.stage import Incoming, StateRow
from streams.errors import StateError
from streams.stages.requests.asking import encode_request
from streams.stages.requests.person import Person, Place, decode_person, encode_person
from streams.stages.requests.stage import KERNEL, Requests
from streams.stages.requests.table import RowAlarms
from tests.streams.requests_world import (
    CODECS,
    HOUR,
    NOW,
    SECOND,
    SETTINGS,
    N,
    Worker,
    explicit,
    fold,
    new_stage,
    preference,
    reference,
    requests_in,
    step,
    tastes_in,
    withdrawn_in,
)


def same_person(one, other):
    def numbers(person):
        return (
            person.since,
            person.active_at,
            person.consent,
            person.language,
            person.has_history,
            person.n_unclicked,
            {
                name: (place.n_requests, place.requested_at, place.unclicked)
                for name, place in person.places.items()
            },
        )

    vectors = [
        [person.vector, *(place.snapshot for place in person.places.values())]
        for person in (one, other)
    ]
    assert numbers(one) == numbers(other)
    for mine, theirs in zip(*vectors, strict=True):
        assert (mine is None) == (theirs is None)
        if mine is not None:
            np.testing.assert_allclose(mine, theirs, atol=1e-6)


users = st.sampled_from(["u1", "u2", "u3", "ünï", "zoë-17"])
preferences = st.builds(
    lambda user, liked, weight, age, **changes: (user, liked, weight, age, changes),
    users,
    liked=st.integers(0, 3),
    weight=st.sampled_from([-1.0, 0.0, 0.4, 1.0, 3.0, 50.0]),
    age=st.sampled_from([0, 1, 30 * SECOND, 2 * HOUR]),
    n_unclicked=st.integers(0, 8),
    consent=st.sampled_from([True, True, True, False]),
    language=st.sampled_from([None, "en", "zh", "ZH-hant", "z", "za"]),
)
erasures = users.map(lambda user: (user, None))
runs = st.lists(st.one_of(preferences, preferences, preferences, erasures), max_size=12)
rounds = st.tuples(
    st.sampled_from([SECOND, 5 * SECOND, 21 * SECOND, HOUR, 8 * 24 * HOUR]),
    runs,
    st.lists(st.tuples(users, st.sampled_from(["search-top", "speaker"])), max_size=1),
    st.lists(st.integers(0, 12), max_size=3),
    st.booleans(),
)


def cut(records, at):
    places = sorted({0, len(records), *(min(one, len(records)) for one in at)})
    return [records[i:j] for i, j in pairwise(places)]


@pytest.mark.skipif(KERNEL is None, reason="no compiled modules")
@settings(max_examples=60)
@given(history=st.lists(rounds, min_size=1, max_size=6))
def test_the_kernel_asks_for_what_the_reference_asks_for(history):
    single = Worker(reference)
    columns = Worker(new_stage)
    now = NOW
    for wait, run, asked, cuts, restarts in history:
        now += wait
        records = [
            (one[0], None)
            if one[1] is None
            else (one[0], preference(one[0], now - one[3], one[1], one[2], **one[4]))
            for one in run
        ]
        expected = step(single.stage, records, now)
        found = fold(columns.stage, cut(records, cuts), now)
        for user, placement in asked:
            request = explicit(user, now, placement)
            incoming = Incoming(CreativeRequest, user, request, 0, 0)
            expected += single.stage.step([incoming], now)
            found += fold(columns.stage, [[(user, request)]], now, CreativeRequest)
        expected += single.stage.tick(now)
        found += columns.stage.tick(now)
        assert requests_in(found) == requests_in(expected)
        assert withdrawn_in(found) == withdrawn_in(expected)
        np.testing.assert_allclose(tastes_in(found), tastes_in(expected), atol=1e-6)
        assert columns.checkpoint() == single.checkpoint()
        assert columns.people().keys() == single.people().keys()
        for user, person in columns.people().items():
            same_person(person, single.people()[user])
        assert len(columns.stage) == len(single.stage)
        if restarts:  # each goes on from what the other has written
            single.log, columns.log = columns.log, single.log
            single.restart()
            columns.restart()


def test_a_record_that_changes_nothing_asks_for_nothing_and_writes_nothing():
    stage = new_stage()
    assert len(fold(stage, [[("u1", preference())]], NOW)) == 1
    stage.tick(NOW)
    stage.take_sections()
    later = NOW + 30 * SECOND
    stage.tick(later)
    assert fold(stage, [[("u1", preference(at=later, n_unclicked=3))]], later) == []
    assert stage.take_sections() == []


def test_the_latest_taste_is_what_a_late_request_carries():
    stage = new_stage()
    fold(stage, [[("u1", preference())]], NOW)
    moved = [("u1", preference(liked=3)), ("u1", preference(liked=5))]
    assert fold(stage, [moved], NOW + SECOND) == []
    (out,) = stage.tick(NOW + 20 * SECOND)
    assert out.value.reason == "preference_shift"
    assert np.frombuffer(out.value.preferences, "<f4").argmax() == 5


@pytest.mark.parametrize(
    "changes",
    [
        {"weights": np.full((2, N), np.nan, np.float32).tobytes()},
        {"weights": np.full((2, N), -np.inf, np.float32).tobytes()},
        {"weights": np.ones((2, N - 1), np.float32).tobytes()},
        {"weights": b""},
        {"half_lives_s": (60,)},
        {"half_lives_s": ()},
        {"half_lives_s": (), "weights": b""},
    ],
)
def test_weights_that_do_not_fit_are_left_out_and_counted(changes):
    stage = new_stage()
    records = [("u1", preference(**changes)), ("u2", preference("u2"))]
    (out,) = fold(stage, [records], NOW)
    assert (out.key, stage.n_unfit, len(stage)) == ("u2", 1, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"requested_at": 5},
        {"requested_at": NOW + 48 * HOUR, "deadline_at": NOW + 49 * HOUR},
        {"deadline_at": NOW - 1},
        {"preferences": b"1234"},
        {"preferences": np.full(N, np.inf, np.float32).tobytes()},
        {"reason": "fatigue"},
        {"placement": "no such place"},
    ],
)
def test_only_explicit_requests_that_can_be_used_teach_a_placement(wrong):
    stage = new_stage()
    good = explicit("u1", NOW, "speaker")
    bad = replace(good, user_id="u2", **wrong)
    assert fold(stage, [[("u2", bad), ("u1", good)]], NOW, CreativeRequest) == []
    assert [row.key for row in stage.take_dirty()] == ["u1"]


@given(
    st.builds(
        CreativeRequest,
        request_id=st.text(max_size=80),
        user_id=st.text(min_size=1, max_size=40),
        reason=st.sampled_from(get_args(RequestReason)),
        placement=st.text(max_size=20),
        surface=st.sampled_from(deployed().surfaces),
        language=st.sampled_from(["en", "zh"]),
        category=st.none() | st.text(max_size=20),
        preferences=st.none() | st.binary(max_size=300),
        requested_at=st.integers(0, 2**48),
        deadline_at=st.integers(0, 2**48),
    )
)
def test_a_request_leaves_as_the_codec_writes_it(request):
    codec = CODECS[CreativeRequest]
    assert encode_request(request, codec.frame) == codec.encode(request)


def test_with_a_frame_requests_leave_encoded():
    codec = CODECS[CreativeRequest]
    (plain,) = fold(Requests(SETTINGS), [[("u1", preference())]], NOW)
    stage = Requests(SETTINGS, frame=codec.frame)
    (encoded,) = fold(stage, [[("u1", preference())]], NOW)
    assert codec.decode(encoded.value) == plain.value


def test_who_comes_back_after_an_erasure_in_the_same_batch_starts_anew():
    stage = new_stage()
    fold(stage, [[("u1", preference())]], NOW)
    now = NOW + SECOND
    again = [("u1", None), ("u1", preference(at=now))]
    out = fold(stage, [again], now)
    assert [one.record for one in out] == [Creative] * 4 + [CreativeRequest]
    assert out[-1].value.reason == "new_user"
    assert len(stage) == 1


def test_state_comes_back_from_whole_batches_of_the_changelog():
    stage = new_stage()
    people = [(f"u{i}", preference(f"u{i}", liked=i % 5)) for i in range(3_000)]
    fold(stage, [people], NOW)
    sections = stage.take_sections()
    assert all(len(one.records) < 1_000_000 for one in sections)
    assert len(sections) > sum(len(one.records) for one in sections) // 1_000_000
    fold(stage, [[("u7", None)]], NOW)
    sections += stage.take_sections()
    again, offset = new_stage(), 0
    for one in sections:
        payload = Payload(one.records, one.n_records, offset, 0)
        again.restore_payloads(0, [payload], 0)
        offset += one.n_records
    again.restored(0, {})
    assert len(again) == 2_999
    moved = [(f"u{i}", preference(f"u{i}", liked=(i + 2) % 5)) for i in range(3_000)]
    assert len(fold(again, [moved], NOW + SECOND)) == 1  # u7 is new, the others wait
    assert len(again.tick(NOW + 20 * SECOND)) == 2_999


def test_a_foreign_key_in_the_changelog_stops_nobody():
    stage, again = new_stage(), new_stage()
    step(stage, [("uu", preference("uu")), ("u2", preference("u2"))], NOW)
    (section,) = stage.take_sections()
    foreign = section.records.replace(b"uu", b"\xff\xc0")
    again.restore_payloads(0, [Payload(foreign, section.n_records, 0, 0)], 0)
    again.restored(0, {})
    again.tick(NOW)
    assert len(again) == 2
    step(again, [("u2", preference("u2", liked=3))], NOW + SECOND)
    assert [out.key for out in again.tick(NOW + 20 * SECOND)] == ["u2"]


@pytest.mark.skipif(KERNEL is None, reason="no compiled modules")
def test_kernel_and_reference_write_the_same_rows():
    rows = []
    for stage in (new_stage(), reference()):
        step(stage, [("u1", preference()), ("u2", preference("u2", liked=3))], NOW)
        stage.step(
            [Incoming(CreativeRequest, "u2", explicit("u2", NOW, "speaker"), 0, 0)], NOW
        )
        step(stage, [("u2", preference("u2", liked=5, language="zh"))], NOW + 1)
        step(stage, [("u3", preference("u3")), ("u3", None)], NOW + 1)
        rows.append(stage.take_dirty())
    assert rows[0] == rows[1]
    assert {row.key for row in rows[0]} == {"u1", "u2", "u3"}


vectors = st.none() | st.lists(st.floats(0, 1, width=32), min_size=4, max_size=4).map(
    np.float32
)


@given(
    st.builds(
        Person,
        since=st.integers(1, 2**53),
        active_at=st.integers(1, 2**53),
        consent=st.booleans(),
        language=st.sampled_from(["en", "zh"]),
        vector=vectors,
        has_history=st.booleans(),
        n_unclicked=st.integers(0, 2**31 - 1),
        places=st.dictionaries(
            st.sampled_from(["search-top", "feed-card", "video-end", "speaker"]),
            st.builds(
                Place,
                n_requests=st.integers(0, 2**32 - 1),
                requested_at=st.integers(0, 2**53),
                unclicked=st.integers(0, 2**31 - 1),
                snapshot=vectors,
            ),
        ),
    )
)
def test_a_person_comes_back_from_a_row(person):
    same = decode_person(encode_person(person, 4), 4)
    places = dict(sorted(person.places.items()))
    assert dict(sorted(same.places.items())).keys() == places.keys()
    person.places, same.places = places, dict(sorted(same.places.items()))
    same_person(same, person)


def test_vectors_of_another_vocabulary_are_left_out():
    taste = np.float32([1, 0])
    person = Person(1, 2, vector=taste, has_history=True)
    person.places["speaker"] = Place(3, 4, 5, np.float32([0, 1]))
    row = encode_person(person, 2)
    found = decode_person(row, N)
    assert (found.vector, found.has_history) == (None, False)
    assert (found.places["speaker"].n_requests, found.places["speaker"].snapshot) == (
        3,
        None,
    )
    for stage in (new_stage(), reference()):
        stage.restore([StateRow(0, "u1", row)])
        assert requests_in(step(stage, [("u1", preference())], NOW))[0][1] == "new_user"


def test_a_row_of_another_release_or_cut_off_is_refused():
    person = Person(1, 2, vector=np.ones(N, np.float32))
    person.places["speaker"] = Place(3, 4, 5, np.zeros(N, np.float32))
    row = encode_person(person, N)
    new_stage().restore([StateRow(0, "u1", row)])
    for wrong in [b"", b"[1,2]", *(row[:n] for n in (1, 23, 30, len(row) - 1))]:
        with pytest.raises(ValueError, match="row"):
            new_stage().restore([StateRow(0, "u1", wrong)])


@given(
    calls=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3_000)), max_size=40),
    clocks=st.lists(st.integers(0, 4_000), min_size=1, max_size=10),
)
def test_a_row_is_called_once_when_its_alarm_is_due(calls, clocks):
    alarms, alarm_at = RowAlarms(), np.full(21, 2**62)
    for number, at in calls:
        alarm_at[number] = at
        alarms.put(number, at)
    expected = np.flatnonzero(alarm_at <= max(clocks)).tolist()
    rung = []
    for clock in sorted(clocks):
        due = alarms.ring(clock, alarm_at)
        assert (alarm_at[due] <= clock).all()
        alarm_at[due] = 2**62  # whoever is woken says when to be woken next
        rung += due.tolist()
    assert sorted(rung) == expected


def test_many_calls_are_put_at_once():
    alarms, alarm_at = RowAlarms(), np.array([900, 5, 900, 2_000])
    alarms.put_all(np.arange(4), alarm_at)
    assert alarms.ring(899, alarm_at).tolist() == [1]
    assert alarms.ring(900, alarm_at).tolist() == [0, 2]


@pytest.mark.skipif(KERNEL is None, reason="no compiled modules")
@given(data=st.data())
def test_kernel_and_reference_refuse_the_same_rows(data):
    person = Person(1, 2, vector=np.ones(N, np.float32), has_history=True)
    person.places["search-top"] = Place(1, 2, 3, np.zeros(N, np.float32))
    person.places["speaker"] = Place(3, 4, 5)
    row = bytearray(encode_person(person, N))
    for at in data.draw(st.lists(st.integers(0, len(row) - 1), max_size=3)):
        row[at] = data.draw(st.integers(0, 255))
    n = data.draw(st.integers(0, len(row)))

    def is_refused(stage):
        try:
            stage.restore([StateRow(0, "u1", bytes(row[:n]))])
        except (ValueError, StateError):  # StateError: nobody knows its vocabulary
            return True
        stage.tick(NOW)
        return False

    assert is_refused(new_stage()) == is_refused(reference())
