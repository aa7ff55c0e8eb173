"""Columns -> records again, and what the codec and the admission say of the same."""

from dataclasses import fields
from typing import get_args

import numpy as np
from hypothesis import settings, strategies as st

from schemas.avro import AvroError, Codec
from schemas.lock import LockedIds
from schemas.records import Behavior, BehaviorKind, Preference
from schemas.vocabulary import deployed
from streams.columns.columns import cut
from streams.columns.decode import RecordDecoder
from streams.columns.decoder import Decoder
from streams.columns.frames import frames
from streams.columns.payload import Payload
from streams.columns.plan import NULL
from streams.engine.admit import admit
from streams.kafka.topics import BEHAVIOR, PREFERENCE
from tests.streams.hostile_records import (
    NOW,
    behavior,
    broken,
    framed,
    mutated,
    preference,
)

SEEDS = st.integers(0, 2**48)
MANY = settings(max_examples=150)
KINDS = {Behavior: (behavior, BEHAVIOR), Preference: (preference, PREFERENCE)}
ENUMS = {"kind": get_args(BehaviorKind), "surface": deployed().surfaces}


def decoder(record, *, ids=None):
    """A decoder that gives every field a slot."""
    wanted = [field.name for field in fields(record)]
    ids = ids or LockedIds()
    return Decoder(record, ids, wanted, "user_id")


def reference_decoder(record):
    """The same, record by record."""
    wanted = [field.name for field in fields(record)]
    return RecordDecoder(record, Codec(record, LockedIds()), wanted, "user_id")


def payloads(rng, record, *, ids=None, damage=0.3):
    """A few payloads of good and hostile records, in offset order."""
    make, _ = KINDS[record]
    codec = Codec(record, ids or LockedIds())
    made, offset = [], rng.randrange(1_000)
    for _ in range(rng.randrange(1, 4)):
        n = rng.randrange(12)
        section = b"".join(
            framed(i, *pair(rng, codec, make(rng), damage)) for i in range(n)
        )
        if rng.random() < 0.15:
            section = broken(rng, section)
        content = rng.choice([bytes, memoryview])(section)
        made.append(Payload(content, n, offset, NOW))
        offset += n + rng.randrange(3)
    return made


def pair(rng, codec, value, damage):
    message = codec.encode(value)
    key = value.user_id.encode()
    if rng.random() < damage:
        message = mutated(rng, message)
    if rng.random() < damage / 4:
        key = rng.choice([None, b"", b"someone-else", key + b"x", key[:-1]])
    if rng.random() < damage / 4:
        message = rng.choice([None, b"", b"\0", bytes(5), bytes(300_000)])
    return key, message


def rebuilt(record, columns):
    """(offset, record) of every row of the columns."""
    found = {}
    for field in fields(record):
        column = columns.slot(field.name)
        raw = spanned(columns, column) if is_spanned(field.type) else iter(column)
        found[field.name] = [value(field, one) for one in raw]
    rows = zip(*found.values(), strict=True)
    made = [record(**dict(zip(found, row, strict=True))) for row in rows]
    return list(zip(columns.offsets.tolist(), made, strict=True))


def spanned(columns, column):
    """Yield what the spans of a column [n] point at."""
    for index, payload in enumerate(columns.payloads):
        rows = slice(columns.row_starts[index], columns.row_starts[index + 1])
        for span in column[rows].tolist():
            yield cut(payload, span)


def is_spanned(kind):
    return kind in {str, str | None, bytes, tuple[int, ...]}


def value(field, one):
    if one is None or (not isinstance(one, bytes) and one == NULL):
        return None
    if field.name in ENUMS:
        assert one >= 0, f"{field.name}: a symbol that we do not know"
        return ENUMS[field.name][one]
    return MADE[field.type](one)


def longs(content):
    """The longs of an Avro array of one block."""
    numbers, at = [], 0
    while at < len(content):
        bits = shift = 0
        while content[at] > 127:
            bits |= (content[at] & 127) << shift
            shift, at = shift + 7, at + 1
        bits |= content[at] << shift
        at += 1
        numbers.append(bits >> 1 ^ -(bits & 1))
    return tuple(numbers[1 : 1 + numbers[0]])


MADE = {
    str: bytes.decode,
    str | None: bytes.decode,
    bytes: bytes,
    tuple[int, ...]: longs,
    int: int,
    bool: bool,
    float | None: lambda bits: float(np.int64(bits).view(np.float64)),
}
"""Type of a field -> what turns a slot, or what its span points at, into it."""


def judged(record, codec, key, message):
    """The record that the codec and the admission let through, or None."""
    _, topic = KINDS[record]
    try:
        return admit(topic, codec, key, message, NOW)
    except AvroError as error:
        if record is not Preference or not is_own_shape(error):
            return None
        return codec.decode(message)


def is_own_shape(error):
    """What columns leave to whoever reads them: the vocabulary, and lengths by it.

    These tests ask for `vocabulary`, so vectors come as they are (`Decoder`); `restore`
    and the sink judge both, and half-lives may have been changed.
    """
    return str(error).startswith(("half_lives_s:", "weights:", "vocabulary:"))


def outcome(record, codec, columns):
    """What a stage gets: accepted (offset, record) pairs, rejected offsets."""
    accepted, rejected = rebuilt(record, columns), []
    for offset, key, message in columns.odd_records():
        found = None if message is None else judged(record, codec, key, message)
        if found is None:
            rejected.append(offset)
        else:
            accepted.append((offset, found))
    return sorted(accepted, key=lambda one: one[0]), rejected


def expected_outcome(record, codec, given_payloads, from_offset):
    """The same, every message through the codec."""
    accepted, rejected = [], []
    for payload in given_payloads:
        content = bytes(payload.records)
        for delta, key, message in frames(content, payload.n_records):
            offset = payload.base_offset + delta
            if offset < from_offset:
                continue
            found = None
            if message != NULL:
                found = judged(record, codec, cut(payload, key), cut(payload, message))
            if found is None:
                rejected.append(offset)
            else:
                accepted.append((offset, found))
    return sorted(accepted, key=lambda one: one[0]), rejected
