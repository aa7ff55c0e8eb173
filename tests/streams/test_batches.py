"""Keys and values become the records that every Kafka client reads."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from schemas.records import Feedback
from streams.columns.batches import (
    partitioned,
    python_partitioned,
    python_sections,
    sections,
)
from streams.columns.encoded import LENGTH_BITS, Encoded
from streams.columns.keys import python_partition_of
from streams.columns.payload import Payload
from streams.kafka.fetched import TP
from streams.kafka.messages import messages
from tests.streams.kernels import kernel, needs_kernels

BATCHES = kernel("columns._batches")
HERE = TP("t", 0)

fields = st.none() | st.binary(max_size=200)
pairs = st.lists(st.tuples(fields, fields), max_size=40)
keyed = st.lists(st.tuples(st.binary(max_size=40), st.binary(max_size=200)))
sizes = st.integers(1, 2_000)


def encoded(pairs):
    """Return (key, value) pairs of feedback as one block."""
    parts = [part for pair in pairs for part in pair]
    lengths = np.array([len(part) for part in parts], np.int64)
    spans = np.cumsum(lengths) - lengths << LENGTH_BITS | lengths
    return Encoded(Feedback, b"".join(parts), spans[0::2].copy(), spans[1::2].copy())


def read(found):
    """Return what the product's reader finds in sections."""
    return [
        (one.key, one.value)
        for section, n in found
        for one in messages(HERE, Payload(section, n, 0, 0))
    ]


@given(pairs, sizes)
def test_what_was_written_is_read_again_in_order(written, max_bytes):
    found = sections(written, max_bytes)
    assert read(found) == written
    assert all(len(section) <= max_bytes or n == 1 for section, n in found)


@given(st.lists(keyed, max_size=4), st.integers(1, 6), sizes)
def test_messages_go_in_order_to_the_partitions_of_their_keys(
    blocks, n_partitions, max_bytes
):
    found = partitioned([encoded(block) for block in blocks], n_partitions, max_bytes)
    expected = {}
    for key, value in (pair for block in blocks for pair in block):
        partition = python_partition_of(key, n_partitions)
        expected.setdefault(partition, []).append((key, value))
    assert {partition: read(those) for partition, those in found.items()} == expected


@needs_kernels
@given(pairs, st.lists(keyed, max_size=4), st.integers(1, 6), sizes)
def test_the_kernel_writes_the_bytes_of_the_reference(
    single, blocks, n_partitions, max_bytes
):
    ours = BATCHES.sections(single, max_bytes)
    assert ours == python_sections(single, max_bytes)
    those = [encoded(block) for block in blocks]
    ours = BATCHES.partitioned(those, n_partitions, max_bytes)
    assert ours == python_partitioned(those, n_partitions, max_bytes)


def test_large_messages_cross_every_length_of_a_varint():
    written = [(b"k", bytes(1 << bits)) for bits in range(5, 22)]
    assert read(sections(written, 800_000)) == written


def test_no_partition_is_an_error():
    with pytest.raises(ValueError, match="partitions"):
        partitioned([encoded([(b"k", b"v")])], 0, 100)


@needs_kernels
@pytest.mark.parametrize("span", [-1, 2 << 24 | 2, 1 << 60])
def test_a_span_that_leads_out_of_its_block_is_an_error(span):
    inside, outside = np.array([1]), np.array([span])
    for spans in ((inside, outside), (outside, inside)):
        with pytest.raises(ValueError, match="span"):
            BATCHES.partitioned([Encoded(Feedback, b"abc", *spans)], 2)


def test_what_is_no_bytes_is_an_error():
    with pytest.raises(TypeError):
        sections([("text", b"v")], 100)
