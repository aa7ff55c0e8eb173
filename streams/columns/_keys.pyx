# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Keys -> partitions, compiled: the twin of `keys.py`."""

from libc.stdint cimport uint8_t, uint32_t

from streams.columns._murmur cimport partition_by_murmur2


def partition_of(bytes key, uint32_t n_partitions):
    """Return the partition of a key; see `keys.partition_of`."""
    cdef const uint8_t* p = <const uint8_t*><const char*>key
    if n_partitions == 0:
        raise ValueError("expected a topic with partitions")
    return partition_by_murmur2(p, len(key), n_partitions)
