"""Decoder, its reference and the codec say the same of any bytes."""

import struct
from dataclasses import astuple, fields, replace

import pytest
from hypothesis import given

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Behavior, Preference
from streams.admission.records import reason_to_reject
from streams.columns.columns import cut
from streams.columns.frames import frames
from streams.columns.from_records import record_columns
from streams.columns.payload import Payload
from streams.columns.plan import NULL
from streams.kafka.batch_header import CorruptBatchError
from streams.kafka.fetched import TP
from streams.kafka.messages import messages
from tests.streams.decoded_records import (
    KINDS,
    MANY,
    SEEDS,
    decoder,
    expected_outcome,
    is_own_shape,
    outcome,
    payloads,
    rebuilt,
    reference_decoder,
)
from tests.streams.hostile_records import (
    NOW,
    SIGNALLING_NAN,
    behavior,
    framed,
    generator,
)
from tests.streams.kernels import needs_kernels


@pytest.mark.parametrize("record", KINDS)
@MANY
@given(seed=SEEDS)
def test_hostile_records_come_out_as_the_codec_and_the_admission_say(record, seed):
    rng = generator(seed)
    made = payloads(rng, record)
    last = made[-1].base_offset + made[-1].n_records
    from_offset = rng.choice([0, rng.randrange(last + 2)])
    codec = Codec(record, LockedIds())
    columns = decoder(record).decode(made, from_offset, NOW)
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
@MANY
@given(seed=SEEDS)
def test_nothing_that_the_admission_refuses_is_in_the_columns(record, seed):
    rng = generator(seed)
    made = payloads(rng, record)
    columns = decoder(record).decode(made, 0, NOW)
    for _, one in rebuilt(record, columns):
        reason = reason_to_reject(one, NOW)
        assert reason is None or (record is Preference and is_own_shape(reason))


@needs_kernels
@pytest.mark.parametrize("record", KINDS)
@MANY
@given(seed=SEEDS)
def test_what_kernel_and_reference_admit_is_equal(record, seed):
    rng = generator(seed)
    made = payloads(rng, record, damage=0.15)
    one = decoder(record).decode(made, 0, NOW)
    other = reference_decoder(record).decode(made, 0, NOW)
    assert one.malformed == other.malformed
    ours, theirs = (dict(rebuilt(record, columns)) for columns in (one, other))
    if len(ours) < len(one):  # two records claim one offset
        return
    both = ours.keys() & theirs.keys()
    assert {at: ours[at] for at in both} == {at: theirs[at] for at in both}
    assert all(is_judged_late(record, ours[at]) for at in ours.keys() - both)
    seen = [
        sorted([*columns.offsets.tolist(), *columns.odd[:, 1].tolist()])
        for columns in (one, other)
    ]
    assert seen[0] == seen[1]


def is_judged_late(record, one):
    """Whether the kernel leaves what is wrong with a record to whoever reads it."""
    return record is Preference and is_own_shape(reason_to_reject(one, NOW))


def test_ordinary_records_take_the_fast_path():
    rng = generator(7)
    for record, (make, _) in KINDS.items():
        codec = Codec(record, LockedIds())
        values = [make(rng, odd=0) for _ in range(200)]
        section = b"".join(
            framed(i, one.user_id.encode(), codec.encode(one))
            for i, one in enumerate(values)
        )
        columns = decoder(record).decode([Payload(section, 200, 0, NOW)], 0, NOW)
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


def test_a_signalling_nan_is_odd_and_nothing_warns():
    one = replace(behavior(generator(1), odd=0), value=3.5)
    message = Codec(Behavior, LockedIds()).encode(one)
    message = message.replace(struct.pack("<d", 3.5), SIGNALLING_NAN)
    payload = Payload(framed(0, one.user_id.encode(), message), 1, 0, NOW)
    columns = decoder(Behavior).decode([payload], 0, NOW)
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
