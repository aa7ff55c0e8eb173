"""A category that nobody knows: a dead letter that names the closest ones."""

from dataclasses import replace

import pytest

from schemas.lock import LockedIds
from schemas.records import Behavior, Profile, Text
from schemas.vocabulary import deployed
from streams.admission.categories import unknown_category
from streams.columns.batches import records_section
from streams.columns.payload import Payload
from streams.engine.intake import Intake
from streams.kafka.fetched import TP
from streams.kafka.record_batches import RecordSet
from streams.kafka.topics import BEHAVIOR
from streams.kafka.wire import Wire
from tests.good_records import good
from tests.house import era
from tests.streams.kernels import needs_kernels

WIRE = Wire(LockedIds())
WAYS = pytest.mark.parametrize(
    "kernels", ["python", pytest.param("auto", marks=needs_kernels)]
)


def batch(events):
    codec = WIRE.codec(Behavior)
    pairs = [(one.user_id.encode(), codec.encode(one)) for one in events]
    payload = Payload(records_section(pairs), len(pairs), 0, 0)
    return [RecordSet(TP(WIRE.name(BEHAVIOR), 0), [payload], len(pairs), len(pairs))]


@WAYS
def test_the_stage_refuses_it_and_folds_the_rest(kernels):
    events = list(era.happened())[:12]
    events[5] = replace(events[5], category="runing")
    stage = era.stage_of(kernels)
    taken = Intake(stage, WIRE).take(batch(events), {}, era.NOW + 1_000)
    (letter,) = taken.rejected
    assert (letter.offset, letter.key) == (5, events[5].user_id.encode())
    assert letter.value == WIRE.codec(Behavior).encode(events[5])
    assert letter.reason == f"category: {deployed().unknown('runing')}"
    assert "the closest are running" in letter.reason
    assert taken.n_records == 11
    counts = {
        row.key: era.CODEC.decode(row.value).n_events for row in stage.take_dirty()
    }
    assert counts == {"u0": 3, "u1": 2, "u2": 3, "u3": 3}


@WAYS
def test_several_in_one_batch_are_letters_each(kernels):
    events = list(era.happened())[:12]
    for offset in (2, 5, 6):
        events[offset] = replace(events[offset], category="runing")
    taken = Intake(era.stage_of(kernels), WIRE).take(batch(events), {}, era.NOW + 1_000)
    assert [letter.offset for letter in taken.rejected] == [2, 5, 6]
    assert taken.n_records == 9


@WAYS
def test_events_without_a_category_are_taken(kernels):
    events = [replace(one, category=None) for one in list(era.happened())[:4]]
    taken = Intake(era.stage_of(kernels), WIRE).take(batch(events), {}, era.NOW + 1_000)
    assert (taken.rejected, taken.n_records) == ([], 4)


def test_texts_and_profiles_are_judged_alike():
    assert unknown_category(good(Profile, interests=("tea", "wine"))) is None
    reason = unknown_category(good(Profile, interests=("tea", "cofee")))
    assert reason is not None
    assert reason.startswith("interests: expected a category")
    assert "coffee" in reason
    assert unknown_category(good(Text, category=None)) is None
    assert unknown_category(good(Text, category="cofee")) is not None
