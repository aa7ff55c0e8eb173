# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Keys -> partitions, compiled: the twin of `keys.py`."""

from libc.stdint cimport int64_t, uint8_t, uint32_t


cdef inline uint32_t murmur2(const uint8_t* p, int64_t n) noexcept nogil:
    cdef uint32_t h = <uint32_t>0x9747B28C ^ <uint32_t>n
    cdef uint32_t k
    while n >= 4:
        k = p[0] | <uint32_t>p[1] << 8 | <uint32_t>p[2] << 16 | <uint32_t>p[3] << 24
        k *= <uint32_t>0x5BD1E995
        k ^= k >> 24
        k *= <uint32_t>0x5BD1E995
        h *= <uint32_t>0x5BD1E995
        h ^= k
        p += 4
        n -= 4
    if n >= 3:
        h ^= <uint32_t>p[2] << 16
    if n >= 2:
        h ^= <uint32_t>p[1] << 8
    if n >= 1:
        h ^= p[0]
        h *= <uint32_t>0x5BD1E995
    h ^= h >> 13
    h *= <uint32_t>0x5BD1E995
    return h ^ (h >> 15)


def partition_of(bytes key, uint32_t n_partitions):
    """Return the partition of a key; see `keys.partition_of`."""
    cdef const uint8_t* p = <const uint8_t*><const char*>key
    if n_partitions == 0:
        raise ValueError("expected a topic with partitions")
    return (murmur2(p, len(key)) & 0x7FFFFFFF) % n_partitions
