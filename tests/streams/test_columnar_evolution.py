"""Several writer schemas on one topic: read as the codec reads them, and as fast."""

import copy
from dataclasses import asdict
from io import BytesIO

import fastavro
import pytest
from hypothesis import given, settings

from schemas.avro import Codec, schema_of
from schemas.lock import LockedIds
from schemas.records import Behavior
from streams.core.columnar.payload import Payload
from tests.streams.decoded_records import (
    SEEDS,
    TWINS,
    decoder,
    expected_outcome,
    outcome,
)
from tests.streams.hostile_records import NOW, behavior, framed, generator, mutated

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


def older(schema):
    """Before user_agent and the video surface were added; other order of fields."""
    theirs = copy.deepcopy(schema)
    kept = [one for one in theirs["fields"] if one["name"] != "user_agent"]
    surface = next(one for one in kept if one["name"] == "surface")
    surface["type"][1]["symbols"] = ["device", "search", "social"]
    return {**theirs, "fields": kept[3:] + kept[:3]}


def newer(schema):
    """With new fields and symbols, and without item."""
    theirs = copy.deepcopy(schema)
    kept = [one for one in theirs["fields"] if one["name"] != "item"]
    kind = next(one for one in kept if one["name"] == "kind")
    kind["type"]["symbols"].insert(2, "share")
    surface = next(one for one in kept if one["name"] == "surface")
    surface["type"][1]["symbols"].append("billboard")
    added = [
        {"name": "referrer", "type": ["null", "string"], "default": None},
        {"name": "dwell_ms", "type": ["long", "null"]},
        {"name": "scroll", "type": ["null", "double"], "default": None},
        {"name": "mood", "type": {"type": "enum", "name": "Mood", "symbols": ["a"]}},
        {"name": "steps", "type": {"type": "array", "items": "long"}},
        {"name": "proof", "type": "bytes"},
    ]
    return {**theirs, "fields": kept[:5] + added + kept[5:]}


def written(rng, ids, schema_id):
    """A message of one of the writers, and its key."""
    one = behavior(rng)
    values = asdict(one) | {
        "referrer": rng.choice([None, "https://a.example", "\u2028", "界"]),
        "dwell_ms": rng.choice([None, 2**62]),
        "scroll": rng.choice([None, 0.5, float("inf")]),
        "mood": "a",
        "steps": [1] * rng.choice([0, 1, 60]),
        "proof": b"\0\xff",
    }
    if schema_id == NEWER and rng.random() < 0.2:
        values["kind"] = "share"
    if schema_id == NEWER and rng.random() < 0.2:
        values["surface"] = "billboard"
    if schema_id == OLDER and values["surface"] == "video":
        values["surface"] = None
    out = BytesIO()
    out.write(b"\0" + schema_id.to_bytes(4, "big"))
    schema = fastavro.parse_schema(
        without_logical_types(ids.writer_schema(Behavior, schema_id)), named_schemas={}
    )
    fastavro.schemaless_writer(out, schema, values)
    return one.user_id.encode(), out.getvalue()


def without_logical_types(schema):
    theirs = copy.deepcopy(schema)
    next(one for one in theirs["fields"] if one["name"] == "occurred_at")["type"] = (
        "long"
    )
    return theirs


@pytest.mark.parametrize("use_compiled", TWINS)
@settings(max_examples=60, deadline=None)
@given(seed=SEEDS)
def test_an_older_and_a_newer_writer_on_one_topic_read_as_the_codec_reads_them(
    use_compiled, seed
):
    rng = generator(seed)
    ids = ManyWriters()
    reader = decoder(Behavior, use_compiled=use_compiled, ids=ids)
    codec = Codec(Behavior, ids)
    offset = 0
    for _ in range(3):  # plans are made between fetches
        writers = [rng.choice([1, OLDER, NEWER]) for _ in range(10)]
        pairs = [written(rng, ids, schema_id) for schema_id in writers]
        section = b"".join(
            framed(i, key, mutated(rng, message) if rng.random() < 0.1 else message)
            for i, (key, message) in enumerate(pairs)
        )
        made = [Payload(section, 10, offset, NOW)]
        columns = reader.decode(made, 0, NOW)
        got = outcome(Behavior, codec, columns)
        assert got == expected_outcome(Behavior, codec, made, 0)
        offset += 10


@pytest.mark.parametrize("schema_id", [OLDER, NEWER])
@pytest.mark.parametrize("use_compiled", TWINS)
def test_a_writer_schema_is_fast_from_its_second_fetch(use_compiled, schema_id):
    rng = generator(3)
    ids = ManyWriters()
    reader = decoder(Behavior, use_compiled=use_compiled, ids=ids)
    key, message = b"", b""
    while key != b"user-7":
        key, message = written(generator(rng.random()), ids, schema_id)
    made = [Payload(framed(0, key, message), 1, 0, NOW)]
    assert len(reader.decode(made, 0, NOW)) == 0
    assert len(reader.decode(made, 0, NOW)) == 1


@pytest.mark.parametrize("use_compiled", TWINS)
def test_a_symbol_that_only_a_newer_writer_knows_is_left_to_the_codec(use_compiled):
    ids = ManyWriters()
    reader = decoder(Behavior, use_compiled=use_compiled, ids=ids)
    theirs = without_logical_types(ids.writer_schema(Behavior, NEWER))
    out = BytesIO()
    out.write(b"\0" + NEWER.to_bytes(4, "big"))
    values = asdict(behavior(generator(1), odd=0)) | {
        "kind": "share",
        "dwell_ms": None,
        "mood": "a",
        "steps": [],
        "proof": b"",
    }
    fastavro.schemaless_writer(out, theirs, values)
    record = framed(0, values["user_id"].encode(), out.getvalue())
    for _ in range(2):
        columns = reader.decode([Payload(record, 1, 0, NOW)], 0, NOW)
        assert len(columns) == 0
        assert len(columns.odd) == 1
