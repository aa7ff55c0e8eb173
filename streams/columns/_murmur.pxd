# cython: language_level=3
"""Murmur2 as Kafka's default partitioner has it; see `keys.python_partition_of`."""

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


cdef inline uint32_t partition_by_murmur2(const uint8_t* p, int64_t n, uint32_t n_partitions) noexcept nogil:
    """Return the partition of a key; there is at least one."""
    return (murmur2(p, n) & 0x7FFFFFFF) % n_partitions
