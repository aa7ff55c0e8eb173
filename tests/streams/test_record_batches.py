import contextlib
import struct

import pytest
from aiokafka.record.default_records import (
    DefaultRecordBatch,
    DefaultRecordBatchBuilder,
)
from hypothesis import given, settings, strategies as st

from streams.columns.batches import records_section
from streams.kafka.batch_header import HEADER, BatchHeader
from streams.kafka.compression import CODECS
from streams.kafka.fetched import TP, Fetched
from streams.kafka.messages import AppendTimePayload
from streams.kafka.record_batches import (
    CorruptBatchError,
    messages,
    parse,
    seal,
)

TP0 = TP("ads.behavior.v1", 0)
NOW = 1_700_000_000_000
CODEC_NUMBERS = [0, *CODECS.values()]
CODEC_NAMES = [None, *CODECS]

nullable = st.none() | st.binary(max_size=200)
header_pairs = st.tuples(st.text(max_size=9), nullable)
instants = st.integers(NOW, NOW + 100_000)
records = st.tuples(nullable, nullable, instants, st.lists(header_pairs, max_size=3))
pairs_of_bytes = st.lists(st.tuples(nullable, nullable), min_size=1, max_size=20)


def fetched(data, position=0, high_watermark=1_000_000, aborted=()):
    return Fetched(TP0, data, position, high_watermark, aborted)


def read(data, position=0, **rest):
    """What a stage sees: the messages from the position on."""
    record_set = parse(fetched(data, position, **rest))
    return [
        message
        for payload in record_set.payloads
        for message in messages(TP0, payload, position)
    ]


def sealed(base_offset=0, n_records=3, producer_id=-1, attributes=0, **rest):
    """A batch as aiokafka builds it, then as a broker places it in the log."""
    builder = DefaultRecordBatchBuilder(
        2, 0, int(bool(attributes)), producer_id, 0, 0, 1 << 20
    )
    for index in range(n_records):
        value = b"%d" % (base_offset + index)
        builder.append(index, NOW, rest.get("key", b"k"), value, [])
    return placed(builder.build(), base_offset, attributes)


def placed(batch, base_offset, attributes=None):
    """Set what a broker sets: the base offset; and attributes, with the CRC anew."""
    placed_batch = bytearray(batch)
    struct.pack_into(">q", placed_batch, 0, base_offset)
    if attributes is not None:
        struct.pack_into(">h", placed_batch, 21, attributes)
    return recounted(placed_batch)


def recounted(batch):
    """Give a batch the CRC that aiokafka says it should have."""
    from aiokafka.record.util import calc_crc32c  # noqa: PLC0415 - only the oracle's

    batch = bytearray(batch)
    struct.pack_into(">I", batch, 17, calc_crc32c(batch[21:]))
    return bytes(batch)


def marker(base_offset, producer_id, kind):
    """An end-of-transaction marker: kind 0 aborts, 1 commits."""
    builder = DefaultRecordBatchBuilder(2, 0, 1, producer_id, 0, -1, 1 << 20)
    builder.append(0, NOW, struct.pack(">hh", 0, kind), b"\0\0\0\0\0\0", [])
    return placed(builder.build(), base_offset, 0x30)


def with_header(batch, **changes):
    header = BatchHeader._make(HEADER.unpack_from(batch))
    return recounted(HEADER.pack(*header._replace(**changes)) + batch[HEADER.size :])


# -- aiokafka's builder and parser as oracles ------------------------------------------


@given(st.lists(records, min_size=1, max_size=20), st.sampled_from(CODEC_NUMBERS))
def test_what_aiokafka_builds_is_read_back(written, codec):
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, 0, 1 << 20)
    for index, (key, value, timestamp, headers) in enumerate(written):
        assert builder.append(index, timestamp, key, value, headers)
    found = read(placed(builder.build(), 1000), 1000)
    assert [message.offset for message in found] == [
        1000 + index for index in range(len(written))
    ]
    assert [
        (message.key, message.value, message.timestamp, message.headers)
        for message in found
    ] == written


@given(pairs_of_bytes, st.sampled_from(CODEC_NAMES))
def test_aiokafka_reads_what_is_sealed(pairs, codec):
    section = records_section(pairs)
    batch = seal(section, len(pairs), base_timestamp=NOW, compression=codec)
    theirs = DefaultRecordBatch(batch)
    assert theirs.validate_crc()
    assert [
        (record.offset, record.timestamp, record.key, record.value, record.headers)
        for record in theirs
    ] == [(index, NOW, key, value, []) for index, (key, value) in enumerate(pairs)]
    assert theirs.next_offset == len(pairs)


def test_an_uncompressed_payload_is_a_view_into_the_fetch():
    data = bytearray(sealed())
    (payload,) = parse(fetched(data)).payloads
    assert isinstance(payload.records, memoryview)
    assert payload.records.obj is data


# -- what is left out, and the position after it ---------------------------------------


def test_a_cut_off_last_batch_is_left_to_the_next_fetch():
    first, second = sealed(0), sealed(3)
    for cut in range(len(second)):
        record_set = parse(fetched(first + second[:cut]))
        assert len(record_set.payloads) == 1
        assert record_set.next_offset == 3


def test_a_fetch_without_a_whole_batch_is_an_error_and_no_endless_loop():
    with pytest.raises(CorruptBatchError, match="longer than the 80 bytes"):
        parse(fetched(sealed(n_records=20)[:80]))


def test_an_empty_fetch_stays_where_it_is():
    assert parse(fetched(b"", position=7)).next_offset == 7
    assert parse(fetched(b"", position=7)).payloads == ()


def test_batches_before_the_position_are_left_out_and_the_first_may_begin_before_it():
    data = sealed(0) + sealed(3) + sealed(6)
    assert len(parse(fetched(data, position=4)).payloads) == 2
    assert [message.offset for message in read(data, 4)] == [4, 5, 6, 7, 8]


def test_a_compacted_batch_keeps_its_offsets():
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 1 << 20)
    for delta in (1, 4):
        builder.append(delta, NOW, b"k", b"v", [])
    batch = with_header(placed(builder.build(), 10), last_offset_delta=9)
    record_set = parse(fetched(batch))
    assert record_set.payloads[0].n_records == 2
    assert record_set.next_offset == 20
    assert [message.offset for message in read(batch)] == [11, 14]


def test_a_batch_that_compaction_emptied_only_moves_the_position():
    empty = with_header(sealed(5), n_records=0, length=HEADER.size - 12)[: HEADER.size]
    record_set = parse(fetched(recounted(empty) + sealed(8)))
    assert record_set.next_offset == 11
    assert [payload.base_offset for payload in record_set.payloads] == [8]


def test_control_batches_move_the_position_and_hold_no_records():
    record_set = parse(fetched(sealed(0, 3, 9, 0x10) + marker(3, 9, kind=1)))
    assert record_set.next_offset == 4
    assert [payload.base_offset for payload in record_set.payloads] == [0]


def test_an_aborted_transaction_is_left_out_up_to_its_marker():
    data = (
        sealed(0, 3, producer_id=9, attributes=0x10)  # committed
        + marker(3, 9, kind=1)
        + sealed(4, 2, producer_id=9, attributes=0x10)  # aborted
        + sealed(6, 1, producer_id=8, attributes=0x10)  # of another, committed
        + sealed(7, 1)  # outside of any
        + sealed(8, 1, producer_id=9, attributes=0x10)  # aborted
        + marker(9, 9, kind=0)
        + marker(10, 8, kind=1)
        + sealed(11, 2, producer_id=9, attributes=0x10)  # the next one, committed
        + marker(13, 9, kind=1)
        + sealed(14, 1, producer_id=8, attributes=0x10)  # aborted
        + marker(15, 8, kind=0)
    )
    found = read(data, aborted=((8, 14), (9, 4)))  # brokers order them; do not rely
    assert [message.offset for message in found] == [0, 1, 2, 6, 7, 11, 12]
    assert parse(fetched(data, aborted=((8, 14), (9, 4)))).next_offset == 16


def test_records_of_a_topic_with_append_time_have_the_time_of_their_batch():
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 1 << 20)
    builder.append(0, NOW, b"k", b"v", [])
    builder.append(1, NOW + 500, b"k", b"v", [])
    batch = placed(builder.build(), 0, attributes=0x08)
    batch = with_header(batch, max_timestamp=NOW + 9000)
    assert isinstance(parse(fetched(batch)).payloads[0], AppendTimePayload)
    ours = [message.timestamp for message in read(batch)]
    assert ours == [record.timestamp for record in DefaultRecordBatch(batch)]
    assert ours == [NOW + 9000] * 2


# -- corruption ------------------------------------------------------------------------


@given(st.data(), st.sampled_from(CODEC_NAMES))
def test_a_flipped_bit_is_an_error_and_never_a_wrong_record(data, codec):
    section = records_section([(b"user", b"value %d" % index) for index in range(9)])
    batch = seal(section, 9, base_timestamp=NOW, compression=codec)
    # The base offset and the leader epoch are the broker's own: no CRC covers them.
    covered = [at for at in range(8, len(batch)) if not 12 <= at < 16]
    bit = data.draw(st.integers(0, 7))
    torn = bytearray(batch)
    torn[data.draw(st.sampled_from(covered))] ^= 1 << bit
    with pytest.raises(CorruptBatchError):
        read(bytes(torn))


def test_a_bad_crc_is_said_with_topic_partition_offset_and_both_sums():
    batch = bytearray(sealed(40))
    expected = struct.unpack_from(">I", batch, 17)[0]
    batch[-1] ^= 1
    sentence = (
        rf"ads\.behavior\.v1-0: the batch at offset 40 is corrupt: "
        rf"expected CRC {expected:#010x}, got 0x[0-9a-f]{{8}}"
    )
    with pytest.raises(CorruptBatchError, match=sentence):
        parse(fetched(bytes(batch)))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"n_records": 4}, "4 records in 3 offsets"),
        ({"n_records": -1}, "-1 records in 3 offsets"),
        ({"n_records": 2**31 - 1, "last_offset_delta": 2**31 - 1}, "high watermark"),
        ({"n_records": 9999, "last_offset_delta": 9999}, "9999 records in 27 bytes"),
        ({"last_offset_delta": -1}, "last offset delta -1"),
        ({"base_offset": -5}, "last offset delta 2"),
        ({"length": 48}, "it says 48 bytes"),
        ({"length": -1}, "it says -1 bytes"),
        (
            {"base_offset": 2_999_998},
            "far behind the partition's high watermark 1000000",
        ),
        ({"attributes": 5}, "unknown compression 5"),
        ({"attributes": 3}, "lz4 records of 27 bytes cannot be decompressed"),
        ({"magic": 1}, "message format 1: expected 2"),
        ({"magic": 0}, "message format 0: expected 2"),
        ({"magic": 3}, "message format 3: expected 2"),
    ],
)
def test_an_impossible_header_is_an_error(changes, reason):
    with pytest.raises(CorruptBatchError, match=reason):
        parse(fetched(with_header(sealed(), **changes)))


def test_a_batch_appended_while_the_broker_read_is_no_error():
    late = with_header(sealed(), base_offset=1_000_000)
    assert len(parse(fetched(late)).payloads) == 1


def test_offsets_that_go_back_are_an_error():
    with pytest.raises(CorruptBatchError, match="before it ends at offset 6"):
        parse(fetched(sealed(3) + sealed(5)))


def test_a_control_batch_without_a_marker_is_an_error():
    broken = placed(sealed(3, 1, producer_id=9, key=b"k"), 3, 0x30)
    data = sealed(0, 3, producer_id=9, attributes=0x10) + with_header(
        broken, producer_id=9
    )
    with pytest.raises(CorruptBatchError, match="control record has the key"):
        parse(fetched(data, aborted=((9, 0),)))


@given(st.binary(max_size=300), st.integers(0, 9))
def test_hostile_bytes_are_an_error_or_nothing(data, position):
    with contextlib.suppress(CorruptBatchError):
        assert read(data, position) == []


@given(st.binary(max_size=200), st.integers(0, 40), st.sampled_from(CODEC_NUMBERS))
@settings(max_examples=300)
def test_hostile_bytes_behind_a_good_crc_are_read_as_aiokafka_does_or_refused(
    body, n_records, codec
):
    header = BatchHeader(
        0, 49 + len(body), -1, 2, 0, codec, 40, NOW, NOW, -1, -1, -1, n_records
    )
    batch = recounted(HEADER.pack(*header) + body)
    try:
        ours = read(batch)
    except CorruptBatchError:
        return
    theirs = [] if n_records == 0 else list(DefaultRecordBatch(batch))
    assert [(m.offset, m.key, m.value) for m in ours] == [
        (record.offset, record.key, record.value) for record in theirs
    ]
