"""Several writer schemas on one topic: read as the codec reads them, and as fast."""

import pytest
from hypothesis import given, settings

from schemas.avro import Codec, schema_of
from schemas.lock import LockedIds
from schemas.records import Behavior
from streams.columns.payload import Payload
from tests.streams.decoded_records import (
    SEEDS,
    decoder,
    expected_outcome,
    outcome,
)
from tests.streams.hostile_records import NOW, behavior, framed, generator, mutated
from tests.streams.kernels import needs_kernels
from tests.streams.writer_schemas import message, newer, older, values_of

OLDER, NEWER = 98, 99


class ManyWriters(LockedIds):
    """Our schema, an older one and a newer one, all on one topic."""

    def __init__(self):
        super().__init__()
        versions = self._versions["Behavior"]
        versions[OLDER] = older(schema_of(Behavior))
        versions[NEWER] = newer(schema_of(Behavior))

    def id_of(self, record):
        return min(self._versions[record.__name__])


def written(rng, ids, schema_id):
    """A message of one of the writers, and its key."""
    one = behavior(rng)
    values = values_of(rng, one)
    if schema_id == NEWER and rng.random() < 0.2:
        values["kind"] = "share"
    if schema_id == NEWER and rng.random() < 0.2:
        values["surface"] = "billboard"
    if schema_id == OLDER and values["surface"] == "video":
        values["surface"] = None
    schema = ids.writer_schema(Behavior, schema_id)
    return one.user_id.encode(), message(schema_id, schema, values)


@settings(max_examples=60)
@given(seed=SEEDS)
def test_an_older_and_a_newer_writer_on_one_topic_read_as_the_codec_reads_them(seed):
    rng = generator(seed)
    ids = ManyWriters()
    reader = decoder(Behavior, ids=ids)
    codec = Codec(Behavior, ids)
    offset = 0
    for _ in range(3):  # plans are made between fetches
        writers = [rng.choice([1, OLDER, NEWER]) for _ in range(10)]
        pairs = [written(rng, ids, schema_id) for schema_id in writers]
        section = b"".join(
            framed(i, key, mutated(rng, one) if rng.random() < 0.1 else one)
            for i, (key, one) in enumerate(pairs)
        )
        made = [Payload(section, 10, offset, NOW)]
        columns = reader.decode(made, 0, NOW)
        got = outcome(Behavior, codec, columns)
        assert got == expected_outcome(Behavior, codec, made, 0)
        offset += 10


@needs_kernels
@pytest.mark.parametrize("schema_id", [OLDER, NEWER])
def test_a_writer_schema_is_fast_from_its_second_fetch(schema_id):
    rng = generator(3)
    ids = ManyWriters()
    reader = decoder(Behavior, ids=ids)
    key, theirs = b"", b""
    while key != b"user-7":
        key, theirs = written(generator(rng.random()), ids, schema_id)
    made = [Payload(framed(0, key, theirs), 1, 0, NOW)]
    assert len(reader.decode(made, 0, NOW)) == 0
    assert len(reader.decode(made, 0, NOW)) == 1


def test_a_symbol_that_only_a_newer_writer_knows_is_left_to_the_codec():
    ids = ManyWriters()
    reader = decoder(Behavior, ids=ids)
    rng = generator(1)
    values = values_of(rng, behavior(rng, odd=0)) | {"kind": "share"}
    theirs = message(NEWER, ids.writer_schema(Behavior, NEWER), values)
    record = framed(0, values["user_id"].encode(), theirs)
    for _ in range(2):
        columns = reader.decode([Payload(record, 1, 0, NOW)], 0, NOW)
        assert len(columns) == 0
        assert len(columns.odd) == 1
