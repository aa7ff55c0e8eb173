"""The benchmark's records are what the product reads, and the reference is right."""

import numpy as np
import pytest
from aiokafka.partitioner import murmur2
from aiokafka.record.memory_records import MemoryRecords

from benchmarks.dataset.batches import split, stamped
from benchmarks.dataset.events import KINDS, Spec, generate
from benchmarks.dataset.reference import HALF_LIFE_S, reference
from benchmarks.dataset.store import dataset
from benchmarks.dataset.user_ids import partitions_of, user_ids
from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Behavior
from schemas.vocabulary import deployed
from streams.admission.pseudonym import is_pseudonym
from streams.admission.records import reason_to_reject
from streams.columns.rules import KIND_WEIGHTS

NOW = 1_790_000_000_000
SPEC = Spec(n_events=4_000, n_users=300, duplicates=0.05, records_per_batch=64)


def records_of(made):
    """Return (partition, key, Behavior) of every record, in the order of the log."""
    codec = Codec(Behavior, LockedIds())
    found = []
    for partition in range(made.spec.n_partitions):
        for one in made.batches(partition):
            records = MemoryRecords(stamped(one, NOW))
            batch = records.next_batch()
            assert batch.validate_crc()
            found += [(partition, r.key, codec.decode(r.value)) for r in batch]
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return dataset(SPEC, tmp_path_factory.mktemp("datasets"))


@pytest.mark.parametrize("codec", ["none", "gzip", "lz4", "zstd"])
def test_every_record_is_admitted_whatever_the_codec(tmp_path, codec):
    pytest.importorskip("lz4", reason="lz4 is missing")
    spec = Spec(n_events=1_500, n_users=100, codec=codec, records_per_batch=100)
    records = records_of(dataset(spec, tmp_path))
    assert len(records) == spec.n_events
    for _, key, event in records:
        assert key == event.user_id.encode()
        assert is_pseudonym(event.user_id)
        assert reason_to_reject(event, NOW) is None
        assert event.consent


def test_a_record_is_as_long_as_a_real_one(made):
    assert 250 <= made.n_bytes / SPEC.n_events <= 350


def test_all_kinds_occur_and_reactions_name_impressions(made):
    events = [event for _, _, event in records_of(made)]
    assert {event.kind for event in events} == set(KINDS)
    shown = {e.impression_id for e in events if e.kind == "impression"}
    clicked = [e.impression_id for e in events if e.kind == "click" and e.impression_id]
    assert len(shown.intersection(clicked)) > len(set(clicked)) / 2


def test_keys_fall_where_kafkas_partitioner_puts_them(made):
    ids = user_ids(200, seed=3)
    expected = [
        (murmur2(one.tobytes()) & 0x7FFFFFFF) % SPEC.n_partitions for one in ids
    ]
    assert partitions_of(ids, SPEC.n_partitions).tolist() == expected
    for partition, key, _ in records_of(made):
        assert (murmur2(key) & 0x7FFFFFFF) % SPEC.n_partitions == partition


def test_equal_specs_give_equal_bytes(made, tmp_path):
    again = dataset(SPEC, tmp_path)
    assert again.ends == made.ends
    for partition in range(SPEC.n_partitions):
        assert list(again.batches(partition)) == list(made.batches(partition))


def test_a_dataset_left_unfinished_is_made_again(tmp_path):
    made = dataset(SPEC, tmp_path)
    (made.folder / "spec.json").unlink()
    (made.folder / "0.log").write_bytes(b"torn")
    again = dataset(SPEC, tmp_path)
    assert len(list(again.batches(0))) == len(
        list(split(memoryview((made.folder / "0.log").read_bytes())))
    )


def test_a_later_part_of_a_log_repeats_no_event_id():
    first = generate(Spec(n_events=500, n_users=50, users="each", duplicates=0))
    later = generate(
        Spec(n_events=500, n_users=50, users="each", duplicates=0, first_event=500)
    )
    assert not set(first.event.tolist()) & set(later.event.tolist())
    assert later.at.min() > first.at.min()


@pytest.mark.parametrize("counts_duplicates", [True, False])
def test_the_reference_is_the_decayed_sum_over_the_distinct_events(
    made, counts_duplicates
):
    events = [event for _, _, event in records_of(made)]
    if not counts_duplicates:
        events = list({event.event_id: event for event in events}.values())
        assert len(events) < SPEC.n_events
    newest, expected = {}, {}
    for event in events:
        newest[event.user_id] = max(newest.get(event.user_id, 0), event.occurred_at)
    for event in events:
        row = expected.setdefault(event.user_id, np.zeros(len(deployed().categories)))
        age_s = (newest[event.user_id] - event.occurred_at) / 1000
        column = deployed().categories.index(event.category)
        row[column] += KIND_WEIGHTS[event.kind] * 2 ** (-age_s / HALF_LIFE_S)
    found = reference(made.events, counts_duplicates=counts_duplicates)
    numbers = {one.tobytes().decode(): n for n, one in enumerate(made.events.ids)}
    assert found.n_users == len(expected)
    assert int(found.n_events.sum()) == len(events)
    users = np.array([numbers[user] for user in expected])
    np.testing.assert_allclose(
        found.weights(users), np.array(list(expected.values())), atol=1e-9
    )
    assert found.total == pytest.approx(sum(row.sum() for row in expected.values()))
    assert found.as_of[users].tolist() == [newest[user] for user in expected]
