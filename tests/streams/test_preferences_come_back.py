"""Rows that are hard to bring back: odd ids, hostile records, the erased, the old."""

import numpy as np
import pytest

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Behavior, Preference, Profile
from streams.columns.batches import records_section
from streams.columns.payload import Payload
from streams.columns.rows import EPOCH_MS
from streams.engine.stage import Incoming, StateRow
from tests.streams.hostile_records import NOW, framed, generator, mutated, preference
from tests.streams.kernels import needs_kernels

CODEC = Codec(Preference, LockedIds())


def event(offset, user="u", *, kind="click", at=NOW):
    value = Behavior(
        event_id=f"e{offset}",
        user_id=user,
        kind=kind,
        occurred_at=at,
        category="running",
        surface="video",
        consent=True,
    )
    return Incoming(Behavior, user, value, 0, offset)


def latest(stage):
    return {row.key: CODEC.decode(row.value) for row in stage.take_dirty()}


@pytest.mark.parametrize(
    "user", ["user", "12345", "12800138000", "用户一", "naïve", "_", "+", "a" * 128]
)
def test_people_come_back_whatever_their_ids_look_like(new_preferences, user):
    first, second = new_preferences(), new_preferences()
    first.step([event(0, user)], NOW)
    second.restore(first.take_dirty())
    second.step([event(1, user)], NOW)
    assert latest(second)[user].n_events == 2


@needs_kernels
def test_hostile_records_in_the_changelog_never_become_nonsense(new_preferences):
    stage = new_preferences()
    rng = generator(11)
    for i in range(300):
        one = preference(rng, odd=0.2)
        value = CODEC.encode(one)
        if i % 3 == 0:
            value = mutated(rng, value)
        try:
            CODEC.decode(value)
        except ValueError:
            continue
        section = framed(0, one.user_id.encode(), value)
        stage.restore_payloads(0, [Payload(section, 1, i, NOW)], 0)
    stage.restored(0, {})
    stage.step([event(2 * 10**15 + i, f"user-{i}") for i in range(50)], NOW)
    found = latest(stage)
    assert len(found) == 50
    assert {one.as_of for one in found.values()} != {NOW}  # some had been restored


def test_an_erased_person_who_sends_the_same_profile_again_is_known_again(
    new_preferences,
):
    stage = new_preferences()
    profile = Profile(
        user_id="u", updated_at=NOW, interests=("running",), region="SH", consent=True
    )
    stage.step([Incoming(Profile, "u", profile, 0, 0)], NOW)
    before = latest(stage)["u"]
    stage.step([Incoming(Profile, "u", None, 0, 1)], NOW)
    assert [row.value for row in stage.take_dirty()] == [None]
    stage.step([Incoming(Profile, "u", profile, 0, 2)], NOW)
    after = latest(stage)["u"]
    assert (after.weights, after.as_of, after.region, after.consent) == (
        before.weights,
        before.as_of,
        "SH",
        True,
    )


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_clock_that_stands_at_the_epoch_counts_as_long_ago(new_preferences, order):
    """Devices without a battery say midnight, 2000-01-01."""
    stage = new_preferences()
    both = [
        event(0, kind="impression", at=EPOCH_MS),
        event(1, kind="impression", at=NOW),
    ]
    for i in order:
        stage.step([both[i]], NOW)
    record = latest(stage)["u"]
    assert np.frombuffer(record.exposures, "<f4").sum() == pytest.approx(1)
    assert record.n_unclicked == 2


def test_state_from_the_epoch_comes_back(new_preferences):
    first, second = new_preferences(), new_preferences()
    first.step([event(0, at=EPOCH_MS)], NOW)
    rows = first.take_dirty()
    second.restore(rows)
    second.step([event(1, at=EPOCH_MS + 1)], NOW)
    weights = np.frombuffer(latest(second)["u"].weights, "<f4")
    assert weights.max() == pytest.approx(2)


def test_a_tombstone_in_the_changelog_takes_a_restored_person_back(new_preferences):
    first, second = new_preferences(), new_preferences()
    first.step([event(0, "用户"), event(1, "v")], NOW)
    rows = first.take_dirty()
    second.restore([*rows, StateRow(0, "用户", None)])
    second.step([event(2, "用户"), event(3, "v")], NOW)
    counts = {user: one.n_events for user, one in latest(second).items()}
    assert counts == {"用户": 1, "v": 2}


def numbered(stage, offsets, user="u"):
    stage.step([event(offset, user) for offset in offsets], NOW)


@needs_kernels
def test_events_read_again_in_two_parts_are_counted_once(new_preferences):
    """Odd records of a batch are folded after its columns: their offsets go back."""
    first, second = new_preferences(), new_preferences()
    numbered(first, range(10))
    numbered(first, range(10, 20), "v")
    rows = first.take_dirty()
    second.restore(rows)
    second.restored(0, {Behavior: 5})
    numbered(second, range(25, 30), "v")
    numbered(second, range(5, 10))
    numbered(second, range(10, 25), "v")
    assert {user: one.n_events for user, one in latest(second).items()} == {"v": 20}
    second.step([event(30)], NOW)
    assert latest(second)["u"].n_events == 11


@needs_kernels
def test_an_erasure_read_again_does_not_erase_what_came_after_it(new_preferences):
    first, second = new_preferences(), new_preferences()
    erasure = Incoming(Profile, "u", None, 0, 3)
    numbered(first, [0])
    first.step([erasure], NOW)
    numbered(first, [1, 2])
    second.restore([row for row in first.take_dirty() if row.value is not None])
    second.restored(0, {Behavior: 0, Profile: 0})
    numbered(second, [0, 1, 2])
    second.step([erasure], NOW)
    numbered(second, [3])
    assert latest(second)["u"].n_events == 3


@needs_kernels
def test_a_foreign_record_in_the_changelog_stops_nobody(new_preferences):
    first, second = new_preferences(), new_preferences()
    first.step([event(0)], NOW)
    foreign = records_section([(b"\xff\xfe", b"not ours"), (b"v", b"\0cut")])
    second.restore(first.take_dirty())
    second.restore_payloads(0, [Payload(foreign, 2, 1, NOW)], 0)
    second.step([event(1)], NOW)
    assert latest(second)["u"].n_events == 2
