import numpy as np
import pytest
from hypothesis import given, strategies as st

from schemas.records import (
    RECORDS,
    Behavior,
    CategoryShift,
    Creative,
    CreativeRequest,
    Design,
    Feedback,
    FineTuneJob,
    ModelRelease,
    OffsetRange,
    PosteriorUpdate,
    Preference,
    Profile,
    Text,
    TextSignal,
    Verdict,
)
from streams.admission.records import reason_to_reject
from tests.good_records import NOW, N, good, good_receipt

DAY = 86_400_000
NAN, INF = float("nan"), float("inf")


def shift(weight):
    return (CategoryShift(category="shoes", weight=weight),)


def verdict(value):
    return (
        Verdict(gate="parity", result="pass", value=value, threshold=1, detail="d"),
    )


def one_range(start, end, partition=0):
    return (OffsetRange(topic="f", partition=partition, start=start, end=end),)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_a_good_record_of_every_type_is_admitted(record):
    assert reason_to_reject(good(record), NOW) is None


BAD = [
    (Behavior, "event_id", ""),
    (Behavior, "event_id", "x" * 129),
    (Behavior, "user_id", "anna@example.org"),
    (Behavior, "user_id", "+49 170 1234567"),
    (Behavior, "user_id", "13812345678"),
    (Behavior, "user_id", "(555) 123-4567"),
    (Behavior, "creative_id", "c\x001"),
    (Behavior, "impression_id", "i\u20281"),
    (Behavior, "user_agent", "a" * 2_049),
    (Behavior, "occurred_at", 1_800_000_000),
    (Behavior, "occurred_at", -1),
    (Behavior, "occurred_at", NOW + DAY + 1),
    (Behavior, "value", NAN),
    (Behavior, "value", INF),
    (Behavior, "value", -0.01),
    (Profile, "updated_at", 0),
    (Profile, "interests", ("shoes",) * 65),
    (Profile, "interests", ("",)),
    (Profile, "region", "r" * 200),
    (Text, "text", "x" * 4_001),
    (Text, "text_id", "a\nb"),
    (TextSignal, "sentiment", 1.01),
    (TextSignal, "sentiment", NAN),
    (TextSignal, "shifts", shift(INF)),
    (TextSignal, "shifts", shift(0.1) * 65),
    (TextSignal, "keywords", ("k",) * 65),
    (Preference, "half_lives_s", ()),
    (Preference, "half_lives_s", (0, 60)),
    (Preference, "half_lives_s", (60,)),
    (Preference, "weights", b""),
    (Preference, "weights", np.full((2, N), NAN, "<f4").tobytes()),
    (Preference, "n_events", -1),
    (Preference, "n_unclicked", -1),
    (Preference, "behavior_offset", -2),
    (CreativeRequest, "preferences", b"\0" * 8),
    (CreativeRequest, "deadline_at", NOW - 1),
    (Creative, "expires_at", NOW - 1),
    (Creative, "category", ""),
    (Creative, "receipt", good_receipt(propensity=0.0)),
    (Creative, "receipt", good_receipt(n_candidates=-1)),
    (Creative, "receipt", good_receipt(condition=b"abc")),
    (Creative, "design", Design(categorical={}, continuous={"size": NAN})),
    (Creative, "design", Design(categorical={"palette": ""}, continuous={})),
    (Feedback, "revision", -1),
    (Feedback, "reward", 1.5),
    (Feedback, "reward", NAN),
    (Feedback, "propensity", 0.0),
    (Feedback, "propensity", 1.5),
    (Feedback, "condition", b"\0" * 5),
    (Feedback, "condition", np.array([INF], "<f4").tobytes()),
    (Feedback, "decided_at", 0),
    (Feedback, "delay_ms", -1),
    (FineTuneJob, "n_examples", -1),
    (FineTuneJob, "ranges", ()),
    (FineTuneJob, "ranges", one_range(5, 5)),
    (FineTuneJob, "ranges", one_range(-1, 5)),
    (FineTuneJob, "ranges", one_range(1, 5, partition=-1)),
    (ModelRelease, "version", -1),
    (ModelRelease, "canary_share", 1.5),
    (ModelRelease, "canary_share", NAN),
    (ModelRelease, "verdicts", verdict(NAN)),
    (PosteriorUpdate, "n_clicks", -1),
    (PosteriorUpdate, "newest_at", 0),
    (PosteriorUpdate, "ranges", one_range(5, 5)),
]


@pytest.mark.parametrize(("record", "field", "value"), BAD)
def test_an_absurd_record_is_refused_in_one_sentence(record, field, value):
    reason = reason_to_reject(good(record, **{field: value}), NOW)
    assert reason is not None
    assert ("expected" in reason, ", got " in reason) == (True, True)
    assert len(reason) < 250
    assert "\n" not in reason


@pytest.mark.parametrize(
    "user_id",
    [
        "1000003",
        "12345678901234567890",
        "550e8400-e29b-41d4-a716-446655440000",
        "u_abcdefghijklmnopqrstuvwxyz",
        "2026-11-23-0001",
        "用户-17",
    ],
)
def test_a_pseudonym_is_not_taken_for_an_address_or_a_number(user_id):
    assert reason_to_reject(good(Behavior, user_id=user_id), NOW) is None


def test_a_reason_does_not_repeat_what_names_a_person():
    bad = good(Text, user_id="anna@example.org")
    reason = reason_to_reject(bad, NOW)
    assert "anna" not in reason
    assert "keyed hash" in reason


def test_a_click_without_an_impression_is_for_attribution_to_count():
    assert reason_to_reject(good(Behavior, impression_id=None), NOW) is None


def test_text_may_hold_anything_within_its_length():
    text = "\0\n" + "字" * 3_998
    assert reason_to_reject(good(Text, text=text), NOW) is None


@given(
    event_id=st.text(max_size=200),
    user_id=st.text(max_size=200),
    occurred_at=st.integers(-(2**63), 2**63 - 1),
    value=st.none() | st.floats(),
)
def test_whatever_comes_is_either_admitted_or_refused(
    event_id, user_id, occurred_at, value
):
    record = good(
        Behavior,
        event_id=event_id,
        user_id=user_id,
        occurred_at=occurred_at,
        value=value,
    )
    reason = reason_to_reject(record, NOW)
    if reason is None:
        assert 0 < len(event_id) <= 128
        assert 0 < len(user_id) <= 128
        assert NOW - 50 * 366 * DAY < occurred_at <= NOW + DAY
        assert value is None or 0 <= value < INF
