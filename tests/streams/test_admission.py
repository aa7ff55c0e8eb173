from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from schemas.records import (
    RECORDS,
    Asset,
    Behavior,
    CategoryShift,
    Copy,
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
    Receipt,
    Text,
    TextSignal,
    Verdict,
)
from schemas.taxonomy import taxonomy
from streams.core.admission import reason_to_reject

NOW = 1_800_000_000_000
DAY = 86_400_000
NAN, INF = float("nan"), float("inf")
N = len(taxonomy())

DESIGN = Design(categorical={"palette": "warm"}, continuous={"size": 0.5})
RECEIPT = Receipt(
    arm="control",
    model_name="random",
    model_version=0,
    model_sha256="",
    seed=-4,
    n_candidates=16,
    n_rejected=2,
    rejections=("contrast",),
    propensity=0.1,
    condition=np.zeros(12, "<f4").tobytes(),
    explanation="because",
    ai_generated=True,
)
GOOD = {
    record: value
    for value in (
        Behavior(
            event_id="e1",
            user_id="u1",
            kind="click",
            occurred_at=NOW,
            item="",
            value=0.0,
            consent=True,
        ),
        Profile(
            user_id="u1",
            updated_at=NOW,
            age_band="from_25",
            interests=("shoes",),
            consent=True,
        ),
        Text(
            text_id="t1",
            user_id="u1",
            kind="search",
            text="red shoes\n双十一",
            written_at=NOW,
            consent=True,
        ),
        TextSignal(
            text_id="t1",
            user_id="u1",
            kind="search",
            language="en",
            keywords=("red shoes",),
            sentiment=-0.5,
            shifts=(CategoryShift(category="shoes", weight=-0.3),),
            written_at=NOW,
            consent=True,
        ),
        Preference(
            user_id="u1",
            as_of=NOW,
            half_lives_s=(60, 600),
            weights=np.ones((2, N), "<f4").tobytes(),
            n_events=1,
            n_unclicked=0,
            consent=True,
            behavior_offset=-1,
            profile_offset=-1,
            text_offset=3,
        ),
        CreativeRequest(
            request_id="r1",
            user_id="u1",
            reason="explicit",
            placement="feed-card",
            surface="social",
            language="en",
            requested_at=NOW,
            deadline_at=NOW + 1,
        ),
        Creative(
            creative_id="c1",
            request_id="r1",
            user_id="u1",
            placement="feed-card",
            surface="social",
            language="en",
            category="shoes",
            created_at=NOW,
            expires_at=NOW + 30 * DAY,
            design=DESIGN,
            copy=Copy(headline="h", body="b", cta="c", spoken="s", disclosure="Ad"),
            assets=(
                Asset(name="a", media_type="t", width_px=0, height_px=0, content=""),
            ),
            receipt=RECEIPT,
        ),
        Feedback(
            feedback_id="f1",
            impression_id="i1",
            revision=1,
            user_id="u1",
            outcome="dismiss",
            reward=-1,
            valid=True,
            shown_at=NOW,
            decided_at=NOW + 5,
            delay_ms=5,
            arm="control",
            propensity=1.0,
            design=DESIGN,
        ),
        FineTuneJob(
            job_id="j1",
            model_name="creative-gan",
            base_version=1,
            reason="count",
            ranges=(OffsetRange(topic="f", partition=0, start=0, end=9),),
            n_examples=9,
            seed=5,
            created_at=NOW,
        ),
        ModelRelease(
            model_name="creative-gan",
            version=2,
            sha256="ab",
            stage="canary",
            canary_share=0.3,
            champion_version=1,
            champion_sha256="cd",
            verdicts=(
                Verdict(
                    gate="parity", result="pass", value=0, threshold=1, detail="equal"
                ),
            ),
            released_at=NOW,
        ),
        PosteriorUpdate(
            model_name="creative-gan",
            version=2,
            revision=9,
            sha256="ab",
            ranges=(OffsetRange(topic="f", partition=0, start=0, end=9),),
            n_examples=8,
            n_clicks=1,
            n_held=0,
            newest_at=NOW,
            made_at=NOW,
        ),
    )
    for record in [type(value)]
}


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
    assert reason_to_reject(GOOD[record], NOW) is None


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
    (Creative, "receipt", replace(RECEIPT, propensity=0.0)),
    (Creative, "receipt", replace(RECEIPT, n_candidates=-1)),
    (Creative, "receipt", replace(RECEIPT, condition=b"abc")),
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
    reason = reason_to_reject(replace(GOOD[record], **{field: value}), NOW)
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
    assert reason_to_reject(replace(GOOD[Behavior], user_id=user_id), NOW) is None


def test_a_reason_does_not_repeat_what_names_a_person():
    bad = replace(GOOD[Text], user_id="anna@example.org")
    reason = reason_to_reject(bad, NOW)
    assert "anna" not in reason
    assert "keyed hash" in reason


def test_a_click_without_an_impression_is_for_attribution_to_count():
    assert reason_to_reject(replace(GOOD[Behavior], impression_id=None), NOW) is None


def test_text_may_hold_anything_within_its_length():
    text = "\0\n" + "字" * 3_998
    assert reason_to_reject(replace(GOOD[Text], text=text), NOW) is None


@given(
    event_id=st.text(max_size=200),
    user_id=st.text(max_size=200),
    occurred_at=st.integers(-(2**63), 2**63 - 1),
    value=st.none() | st.floats(),
)
def test_whatever_comes_is_either_admitted_or_refused(
    event_id, user_id, occurred_at, value
):
    record = replace(
        GOOD[Behavior],
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
