"""Keys reach the partitions that every other Kafka client would choose."""

from aiokafka.partitioner import murmur2
from hypothesis import given, strategies as st

from streams.columns.keys import partition_of, python_partition_of


@given(st.binary(max_size=40), st.integers(1, 64))
def test_keys_go_where_kafkas_default_partitioner_sends_them(key, n_partitions):
    expected = (murmur2(key) & 0x7FFFFFFF) % n_partitions
    assert python_partition_of(key, n_partitions) == expected
    assert partition_of(key, n_partitions) == expected
