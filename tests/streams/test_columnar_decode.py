"""Compiled decoder, pure decoder and codec say the same of any bytes."""

import struct
from dataclasses import astuple, fields, replace

import numpy as np
import pytest
from faust.types import TP
from hypothesis import given

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Behavior, Preference
from streams.admission.records import reason_to_reject
from streams.columns import compiled
from streams.columns.changelog import varint
from streams.columns.columns import cut
from streams.columns.frames import bounds, frames
from streams.columns.framing import record_bounds
from streams.columns.from_records import record_columns
from streams.columns.payload import Payload
from streams.columns.plan import NULL
from streams.columns.vectors import padded
from streams.kafka.batch_header import CorruptBatchError
from streams.kafka.messages import messages
from tests.streams.decoded_records import (
    KINDS,
    MANY,
    SEEDS,
    TWINS,
    decoder,
    expected_outcome,
    is_own_shape,
    outcome,
    payloads,
    rebuilt,
)
from tests.streams.hostile_records import (
    NOW,
    SIGNALLING_NAN,
    behavior,
    framed,
    generator,
)


@pytest.mark.parametrize("record", KINDS)
@pytest.mark.parametrize("use_compiled", TWINS)
@MANY
@given(seed=SEEDS)
def test_hostile_records_come_out_as_the_codec_and_the_admission_say(
    record, use_compiled, seed
):
    rng = generator(seed)
    made = payloads(rng, record)
    last = made[-1].base_offset + made[-1].n_records
    from_offset = rng.choice([0, rng.randrange(last + 2)])
    codec = Codec(record, LockedIds())
    columns = decoder(record, use_compiled=use_compiled).decode(made, from_offset, NOW)
    got = outcome(record, codec, columns)
    expected = expected_outcome(record, codec, made, from_offset)
    assert got[0] == expected[0]
    assert got[1] == expected[1]
    assert {at for at, _ in columns.malformed} == {
        at
        for at, one in enumerate(made)
        if len(frames(bytes(one.records), one.n_records)) < one.n_records
    }


@pytest.mark.parametrize("record", KINDS)
@pytest.mark.parametrize("use_compiled", TWINS)
@MANY
@given(seed=SEEDS)
def test_nothing_that_the_admission_refuses_is_in_the_columns(
    record, use_compiled, seed
):
    rng = generator(seed)
    made = payloads(rng, record)
    columns = decoder(record, use_compiled=use_compiled).decode(made, 0, NOW)
    for _, one in rebuilt(record, columns):
        reason = reason_to_reject(one, NOW)
        assert reason is None or (record is Preference and is_own_shape(reason))


@pytest.mark.skipif(compiled.DECODE is None, reason="the build had no compiler")
@pytest.mark.parametrize("record", KINDS)
@MANY
@given(seed=SEEDS)
def test_what_both_decoders_admit_is_equal_slot_for_slot(record, seed):
    rng = generator(seed)
    made = payloads(rng, record, damage=0.15)
    one, other = (
        decoder(record, use_compiled=use).decode(made, 0, NOW) for use in (True, False)
    )
    assert one.malformed == other.malformed
    rows = np.intersect1d(one.offsets, other.offsets, return_indices=True)
    if len(set(one.offsets.tolist())) < len(one):  # two records claim one offset
        return
    np.testing.assert_array_equal(one.slots[:, rows[1]], other.slots[:, rows[2]])
    np.testing.assert_array_equal(one.keys[rows[1]], other.keys[rows[2]])
    seen = [
        sorted([*columns.offsets.tolist(), *columns.odd[:, 1].tolist()])
        for columns in (one, other)
    ]
    assert seen[0] == seen[1]


@pytest.mark.parametrize("use_compiled", TWINS)
def test_ordinary_records_take_the_fast_path(use_compiled):
    rng = generator(7)
    for record, (make, _) in KINDS.items():
        codec = Codec(record, LockedIds())
        values = [make(rng, odd=0) for _ in range(200)]
        section = b"".join(
            framed(i, one.user_id.encode(), codec.encode(one))
            for i, one in enumerate(values)
        )
        columns = decoder(record, use_compiled=use_compiled).decode(
            [Payload(section, 200, 0, NOW)], 0, NOW
        )
        assert [one for _, one in rebuilt(record, columns)] == values
        assert not len(columns.odd)


@MANY
@given(seed=SEEDS)
def test_the_framing_is_read_as_the_message_reader_reads_it(seed):
    """Wherever that one, which is stricter, reads a payload to its end."""
    rng = generator(seed)
    for payload in payloads(rng, Behavior):
        content = bytes(payload.records)
        try:
            read = list(messages(TP("t", 0), payload))
        except CorruptBatchError:
            continue
        found = [
            (payload.base_offset + delta, cut(payload, key), cut(payload, message))
            for delta, key, message in frames(content, payload.n_records)
        ]
        assert found == [(one.offset, one.key, one.value) for one in read]


def misleading(rng):
    """A records section in which messages begin where no value does."""
    codec = Codec(Behavior, LockedIds())
    records = []
    for i in range(rng.randrange(1, 30)):
        message = codec.encode(behavior(rng))
        key = rng.choice([b"u", message, varint(rng.randrange(300)) + message])
        value = rng.choice([message, message, key + message + b"\0", None])
        records.append(framed(i, key, value, rng.choice([b"\0", b"\2\2a" + message])))
    return Payload(b"".join(records), len(records) + rng.choice((0, 0, -1, 1)), 0, NOW)


@MANY
@given(seed=SEEDS)
def test_records_are_found_at_once_where_reading_one_by_one_finds_them(seed):
    rng = generator(seed)
    made = [*payloads(rng, Behavior, damage=0.05), misleading(rng), misleading(rng)]
    made += payloads(rng, Behavior, damage=0)
    starts = np.cumsum([0, *(len(one.records) for one in made)])
    content = padded(*(one.records for one in made))
    ids = [LockedIds().id_of(Behavior)]
    found, of = record_bounds(made, content, starts, ids)
    for i, one in enumerate(made):
        expected = bounds(bytes(one.records), one.n_records) + starts[i]
        np.testing.assert_array_equal(found[of == i], expected)
    assert (np.diff(of) >= 0).all()


@pytest.mark.parametrize("use_compiled", TWINS)
def test_a_signalling_nan_is_odd_and_nothing_warns(use_compiled):
    one = replace(behavior(generator(1), odd=0), value=3.5)
    message = Codec(Behavior, LockedIds()).encode(one)
    message = message.replace(struct.pack("<d", 3.5), SIGNALLING_NAN)
    payload = Payload(framed(0, one.user_id.encode(), message), 1, 0, NOW)
    columns = decoder(Behavior, use_compiled=use_compiled).decode([payload], 0, NOW)
    assert len(columns.odd) == 1


@pytest.mark.parametrize("record", KINDS)
@MANY
@given(seed=SEEDS)
def test_records_made_columns_are_the_records(record, seed):
    rng = generator(seed)
    make, _ = KINDS[record]
    made = [(i, make(rng)) for i in range(5)]
    usable = [
        (i, one)
        for i, one in made
        if reason_to_reject(one, NOW) is None and NULL not in astuple(one)
    ]
    names = [field.name for field in fields(record)]
    assert rebuilt(record, record_columns(record, usable, names)) == usable
