"""Keys and values become the records that every Kafka client reads."""

import numpy as np
import pytest
from faust.types import TP
from hypothesis import given, strategies as st

from schemas.records import Feedback
from streams.columns import compiled
from streams.columns.batches import python_partitioned, python_sections
from streams.columns.encoded import Encoded, encoded
from streams.columns.keys import python_partition_of
from streams.columns.payload import Payload
from streams.kafka.messages import messages

HERE = TP("t", 0)

fields = st.none() | st.binary(max_size=200)
pairs = st.lists(st.tuples(fields, fields), max_size=40)
keyed = st.lists(st.tuples(st.binary(max_size=40), st.binary(max_size=200)))
sizes = st.integers(1, 2_000)


@pytest.fixture(scope="module", params=["compiled", "python"])
def twin(request):
    if request.param == "python":
        return python_sections, python_partitioned
    if compiled.BATCHES is None:
        pytest.skip("the compiled modules are not built")
    return compiled.BATCHES.sections, compiled.BATCHES.partitioned


def read(sections):
    """Return what the product's reader finds in sections."""
    return [
        (one.key, one.value)
        for section, n in sections
        for one in messages(HERE, Payload(section, n, 0, 0))
    ]


@given(pairs, sizes)
def test_what_was_written_is_read_again_in_order(twin, written, max_bytes):
    sections, _ = twin
    found = sections(written, max_bytes)
    assert read(found) == written
    assert all(len(section) <= max_bytes or n == 1 for section, n in found)


@given(st.lists(keyed, max_size=4), st.integers(1, 6), sizes)
def test_messages_go_in_order_to_the_partitions_of_their_keys(
    twin, blocks, n_partitions, max_bytes
):
    _, partitioned = twin
    found = partitioned(
        [encoded(Feedback, block) for block in blocks], n_partitions, max_bytes
    )
    expected = {}
    for key, value in (pair for block in blocks for pair in block):
        partition = python_partition_of(key, n_partitions)
        expected.setdefault(partition, []).append((key, value))
    assert {partition: read(those) for partition, those in found.items()} == expected


@pytest.mark.skipif(compiled.BATCHES is None, reason="nothing is compiled")
@given(pairs, st.lists(keyed, max_size=4), st.integers(1, 6), sizes)
def test_both_twins_write_the_same_bytes(single, blocks, n_partitions, max_bytes):
    ours = compiled.BATCHES.sections(single, max_bytes)
    assert ours == python_sections(single, max_bytes)
    those = [encoded(Feedback, block) for block in blocks]
    ours = compiled.BATCHES.partitioned(those, n_partitions, max_bytes)
    assert ours == python_partitioned(those, n_partitions, max_bytes)


def test_large_messages_cross_every_length_of_a_varint(twin):
    sections, _ = twin
    written = [(b"k", bytes(1 << bits)) for bits in range(5, 22)]
    assert read(sections(written, 800_000)) == written


def test_no_partition_is_an_error(twin):
    _, partitioned = twin
    with pytest.raises(ValueError, match="partitions"):
        partitioned([encoded(Feedback, [(b"k", b"v")])], 0, 100)


@pytest.mark.skipif(compiled.BATCHES is None, reason="nothing is compiled")
@pytest.mark.parametrize("span", [-1, 2 << 24 | 2, 1 << 60])
def test_a_span_that_leads_out_of_its_block_is_an_error(span):
    inside, outside = np.array([1]), np.array([span])
    for spans in ((inside, outside), (outside, inside)):
        with pytest.raises(ValueError, match="span"):
            compiled.BATCHES.partitioned([Encoded(Feedback, b"abc", *spans)], 2)


def test_what_is_no_bytes_is_an_error(twin):
    sections, _ = twin
    with pytest.raises(TypeError):
        sections([("text", b"v")], 100)
