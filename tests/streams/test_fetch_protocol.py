"""Fetch responses: what fits is read, whatever else comes is one clear error."""

import struct

import pytest
from hypothesis import given, strategies as st

from streams.errors import StateError
from streams.kafka.fetch_buffers import BufferPool
from streams.kafka.fetch_errors import check_retriable
from streams.kafka.fetch_protocol import (
    FetchLimits,
    Wanted,
    complete_batches,
    fetch_request,
    parse_response,
)
from streams.kafka.fetched import TP

LIMITS = FetchLimits(max_wait_ms=500, max_bytes=1_000_000, read_committed=True)


def batch(base, n_records, size=100, magic=2):
    header = struct.pack(">qiib", base, size - 12, 0, magic)
    return (header + bytes(6) + struct.pack(">i", n_records - 1)).ljust(size, b"\0")


def answer(partition, records=b"", error=0, aborted=()):
    head = struct.pack(">ihqqqi", partition, error, 7, 6, 0, len(aborted))
    transactions = b"".join(struct.pack(">qq", *each) for each in aborted)
    return head + transactions + struct.pack(">ii", -1, len(records)) + records


def response(*topics, correlation_id=5):
    frame = struct.pack(">iihii", correlation_id, 0, 0, 0, len(topics))
    for name, answers in topics:
        encoded = name.encode()
        frame += struct.pack(">h", len(encoded)) + encoded
        frame += struct.pack(">i", len(answers)) + b"".join(answers)
    return frame


WHOLE = response(
    ("clicks", [answer(0, batch(3, 4)), answer(2, aborted=[(9, 4), (8, 5)])]),
    ("räume", [answer(1, error=6)]),
)


def test_a_response_says_what_each_partition_answered():
    first, second, third = parse_response(memoryview(WHOLE), 5).answers
    assert (first.tp, bytes(first.records)) == (TP("clicks", 0), batch(3, 4))
    assert (second.tp, second.aborted) == (TP("clicks", 2), ((9, 4), (8, 5)))
    assert (third.tp, third.error, third.high_watermark) == (TP("räume", 1), 6, 7)


def test_records_are_not_copied():
    memory = bytearray(WHOLE)
    records = parse_response(memoryview(memory), 5).answers[0].records
    memory[memory.index(batch(3, 4))] = 0xFF
    assert records[0] == 0xFF


def test_null_arrays_and_null_records_are_empty():
    null = struct.pack(">ihqqqiii", 0, 0, 7, 6, 0, -1, -1, -1)
    (only,) = parse_response(memoryview(response(("t", [null]))), 5).answers
    assert (only.aborted, bytes(only.records)) == ((), b"")


@pytest.mark.parametrize("n_bytes", range(len(WHOLE)))
def test_a_response_cut_off_anywhere_is_a_clear_error(n_bytes):
    with pytest.raises(StateError, match="Fetch response"):
        parse_response(memoryview(WHOLE[:n_bytes]), 5)


def test_a_response_to_another_request_is_a_clear_error():
    with pytest.raises(StateError, match="out of step"):
        parse_response(memoryview(WHOLE), 6)


def test_bytes_after_a_response_are_a_clear_error():
    with pytest.raises(StateError, match="cannot be read"):
        parse_response(memoryview(WHOLE + b"\0"), 5)


@given(
    st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=8)
)
def test_a_damaged_response_is_read_or_is_a_clear_error(changes):
    frame = bytearray(WHOLE)
    for at, value in changes:
        frame[at] = value
    read_or_refuse(bytes(frame))


@given(st.binary(max_size=300))
def test_random_bytes_are_read_or_are_a_clear_error(tail):
    read_or_refuse(struct.pack(">iihi", 5, 0, 0, 0) + tail)


def read_or_refuse(frame):
    try:
        answers = parse_response(memoryview(frame), 5).answers
    except StateError:
        return
    assert sum(len(each.records) for each in answers) <= len(frame)
    for each in answers:
        try:
            batches = complete_batches(each.records, 0)
        except StateError:
            continue
        assert 0 <= batches.n_bytes <= len(each.records)


def test_a_position_is_after_the_last_complete_batch():
    records = batch(10, 5) + batch(15, 3, size=200)
    batches = complete_batches(memoryview(records), 12)
    assert (batches.n_bytes, batches.next_offset) == (300, 18)


@pytest.mark.parametrize("n_cut", range(1, 200))
def test_a_torn_batch_is_left_out(n_cut):
    records = (batch(10, 5) + batch(15, 3, size=200))[:-n_cut]
    batches = complete_batches(memoryview(records), 10)
    assert (batches.n_bytes, batches.next_offset) == (100, 15)
    assert batches.n_bytes_needed in (0, 200)


def test_a_compacted_batch_moves_the_position_over_what_is_gone():
    # The last offset delta stays when records are removed, down to an empty batch.
    batches = complete_batches(memoryview(batch(10, 50, size=61)), 10)
    assert batches.next_offset == 60


def test_batches_before_the_position_do_not_move_it_back():
    assert complete_batches(memoryview(batch(0, 5)), 40).next_offset == 40


@pytest.mark.parametrize(
    "records",
    [
        batch(0, 5, magic=1),
        batch(0, 5)[:8] + struct.pack(">i", 3) + batch(0, 5)[12:],
        batch(0, 5)[:8] + struct.pack(">i", -1) + batch(0, 5)[12:],
        batch(-4, 5),
        batch(5, 0),
        batch(9, 5) + batch(9, 5),
        batch(2**63 - 1, 1),
        batch(0, 5)[:8] + struct.pack(">i", 2**31 - 1) + batch(0, 5)[12:],
    ],
)
def test_damaged_batch_headers_are_a_clear_error(records):
    with pytest.raises(StateError, match="record batch expected"):
        complete_batches(memoryview(records), 0)


def test_a_request_keeps_the_order_of_partitions():
    wanted = [Wanted(TP(t, p), 3, 100) for t, p in [("b", 7), ("a", 1), ("b", 5)]]
    request = fetch_request(1, "me", wanted, LIMITS)
    names = [request.index(b"\0\1b"), request.index(b"\0\1a"), request.rindex(b"\0\1b")]
    assert names == sorted(set(names))
    assert struct.unpack(">i", request[:4])[0] == len(request) - 4


def test_a_refused_topic_says_what_to_do():
    with pytest.raises(StateError, match="grant it by an ACL"):
        check_retriable(TP("secret", 0), 29)


def test_an_unknown_error_stops():
    with pytest.raises(StateError, match=r"t-3 cannot be fetched.*error 87"):
        check_retriable(TP("t", 3), 87)


def test_a_buffer_is_used_again_when_its_last_view_is_gone():
    pool = BufferPool(10_000_000)
    view = pool.take(200_000)
    memory, part = view.obj, view[5:10]
    del view
    assert pool.take(200_000).obj is not memory
    del part
    assert pool.take(150_000).obj is memory


def test_a_pool_keeps_no_more_than_its_budget():
    pool = BufferPool(1_000_000)
    views = [pool.take(300_000) for _ in range(8)]
    assert len({id(view.obj) for view in views}) == 8
    del views
    assert sum(len(buffer) for buffer in pool._buffers) <= 1_000_000


def test_free_buffers_make_room_for_a_larger_one():
    pool = BufferPool(3 << 20)
    held = pool.take(1 << 20), pool.take(1 << 20)
    del held
    large = pool.take(1 << 21)
    memory = large.obj
    del large
    assert pool.take(1 << 21).obj is memory
