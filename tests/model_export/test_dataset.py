"""Feedback records -> what can be learnt from."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from model_export.critic.learnt_labels import LearntLabels, keys_of
from model_export.feedback import dataset
from model_export.space import conditioning
from schemas.records import Design
from tests.model_export.feedback_records import record


@pytest.fixture
def usable(travel):
    """Return the fields that make a record usable."""
    rng = np.random.default_rng(0)
    return {
        "design": travel.decode(travel.random(1, rng))[0],
        "condition": conditioning.to_bytes(conditioning.random_people(1, rng)[0]),
    }


def test_a_record_becomes_a_row(travel, usable):
    read = dataset.from_feedback(
        [record(7, **usable, reward=1.0, arm="control")], travel
    )
    assert len(read) == 1
    assert travel.decode(read.design) == [usable["design"]]
    assert conditioning.to_bytes(read.condition[0]) == usable["condition"]
    assert read.clicked.tolist() == [1.0]
    assert read.control.tolist() == [True]
    assert (read.users, read.categories) == (("user-7",), ("shoes",))
    assert read.shown_at.tolist() == [7_000]


@pytest.mark.parametrize("order", [1, -1])
def test_the_last_revision_of_an_impression_counts(travel, usable, order):
    revisions = [record(1, **usable), record(1, **usable, revision=1, reward=1.0)]
    read = dataset.from_feedback(revisions[::order], travel)
    assert read.clicked.tolist() == [1.0]
    assert read.skipped == {"superseded": 1}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"valid": False}, "invalid"),
        ({"design": None}, "no design or condition"),
        ({"condition": None}, "no design or condition"),
        ({"condition": b"short"}, "bad condition"),
        (
            {"design": Design(categorical={}, continuous={})},
            "outside the creative space",
        ),
    ],
)
def test_what_cannot_be_used_is_counted_by_reason(travel, usable, fields, reason):
    read = dataset.from_feedback([record(1, **{**usable, **fields})], travel)
    assert (len(read), read.skipped) == (0, {reason: 1})
    assert read.design.shape == (0, travel.size)
    assert read.condition.shape == (0, conditioning.CONDITION_SIZE)


def test_five_hundred_clicks_of_one_person_teach_as_five(travel, usable):
    clicks = [record(i, **usable, user_id="robot", reward=1.0) for i in range(500)]
    read = dataset.from_feedback(clicks, travel)
    assert len(read) == 5
    assert read.shown_at.tolist() == [0, 1_000, 2_000, 3_000, 4_000]
    assert read.skipped == {"over the click cap": 495}


def test_a_dismissal_is_no_click(travel, usable):
    assert dataset.from_feedback(
        [record(1, **usable, reward=-1.0)], travel
    ).clicked.tolist() == [0.0]


@pytest.mark.parametrize(
    ("propensity", "weight"),
    [(0.5, 2.0), (1e-9, 20.0), (None, 1.0), (0.0, 1.0), (float("nan"), 1.0)],
)
def test_weights_are_inverse_propensities_with_a_cap(
    travel, usable, propensity, weight
):
    read = dataset.from_feedback([record(1, **usable, propensity=propensity)], travel)
    assert read.weight.tolist() == [weight]


def test_the_order_of_records_does_not_matter(travel, usable):
    records = [record(i, **usable, reward=float(i % 3 == 0)) for i in range(20)]
    one, other = (
        dataset.from_feedback(part, travel) for part in (records, records[::-1])
    )
    assert one.users == other.users
    assert (one.clicked == other.clicked).all()


@given(st.lists(st.text(), max_size=30))
def test_a_person_is_held_out_of_every_job_or_of_none(users):
    together = dataset.held_out(users, "salt", 0.5)
    alone = [dataset.held_out([user], "salt", 0.5)[0] for user in users]
    assert together.tolist() == alone


def test_about_the_asked_share_of_people_is_held_out():
    users = [f"user-{i}" for i in range(5_000)]
    mask = dataset.held_out(users, "a", 0.2)
    assert 0.18 < mask.mean() < 0.22
    assert (mask != dataset.held_out(users, "b", 0.2)).any()


def learnt(labels, keys, clicked, shown_at, most=1_000):
    """Return the labels learnt; a click came a second after its impression."""
    delay = np.full(len(keys), 1_000)
    return labels.after(keys, clicked, shown_at, delay, most)


def labels_of(labels):
    """Return labels of impressions by their numbers."""
    keys = keys_of([f"impression-{number}" for number in labels])
    clicked = np.array(list(labels.values()), np.float32)
    return learnt(LearntLabels.none(), keys, clicked, np.arange(len(labels)))


@pytest.mark.parametrize(
    ("before", "fields", "clicked", "skipped"),
    [
        (0.0, {"reward": 1.0}, [1.0], {}),
        (0.0, {"reward": 0.0}, [], {"learnt before": 1}),
        (1.0, {"reward": 1.0, "revision": 2}, [], {"learnt before": 1}),
        (1.0, {"reward": 1.0, "valid": False}, [0.0], {}),
        (0.0, {"reward": 1.0, "valid": False}, [], {"learnt before": 1}),
    ],
    ids=["late click", "same none", "conversion", "robot's click", "robot's none"],
)
def test_only_what_changes_a_label_is_learnt_again(
    travel, usable, before, fields, clicked, skipped
):
    read = dataset.from_feedback(
        [record(1, **usable, **fields)], travel, learnt=labels_of({1: before})
    )
    assert (read.clicked.tolist(), read.skipped) == (clicked, skipped)


def test_the_oldest_of_too_many_labels_go():
    keys = keys_of(["a", "b", "c"])
    clicked, shown_at = np.array([0, 1, 0], np.float32), np.array([30, 10, 20])
    full = learnt(LearntLabels.none(), keys, clicked, shown_at, most=2)
    assert np.isnan(full.find(keys)).tolist() == [False, True, False]


def test_labels_that_were_learnt_come_back_as_entered_last():
    keys = keys_of([f"impression-{i}" for i in range(100)])
    wanted = (np.arange(100) % 3 == 0).astype(np.float32)
    labels = learnt(
        LearntLabels.none(), keys, np.zeros(100, np.float32), np.arange(100)
    )
    labels = learnt(labels, keys[::-1], wanted[::-1], np.arange(100)[::-1])
    assert labels.find(keys).tolist() == wanted.tolist()
    assert np.isnan(labels.find(keys_of(["another"])))
