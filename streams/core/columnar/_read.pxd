# cython: language_level=3
"""Bounded reads of untrusted bytes: nothing here looks at or beyond `end`."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy


cdef inline int read_varint(const uint8_t** at, const uint8_t* end, int64_t* value) noexcept nogil:
    """Read a zigzag varint; 0 when it is cut off or longer than 64 bits."""
    cdef const uint8_t* p = at[0]
    cdef uint64_t bits = 0
    cdef int shift = 0
    cdef uint8_t byte
    if p < end and p[0] < 128:
        value[0] = <int64_t>(p[0] >> 1) ^ -<int64_t>(p[0] & 1)
        at[0] = p + 1
        return 1
    while p < end and shift < 64:
        byte = p[0]
        p += 1
        if shift == 63 and byte > 1:
            return 0
        bits |= <uint64_t>(byte & 127) << shift
        if byte < 128:
            value[0] = <int64_t>(bits >> 1) ^ -<int64_t>(bits & 1)
            at[0] = p
            return 1
        shift += 7
    return 0


cdef inline uint64_t mix(uint64_t h) noexcept nogil:
    h *= <uint64_t>0x9E3779B97F4A7C15
    return h ^ (h >> 32)


cdef inline uint64_t hash_bytes(const uint8_t* p, int64_t n, uint64_t seed) noexcept nogil:
    """Equal to `hashing.hash_bytes`: words of 8 bytes, the last one padded with zeros."""
    cdef uint64_t h = mix(seed ^ <uint64_t>n)
    cdef uint64_t word
    while n >= 8:
        memcpy(&word, p, 8)
        h = mix(h ^ word)
        p += 8
        n -= 8
    if n > 0:
        word = 0
        memcpy(&word, p, n)
        h = mix(h ^ word)
    return mix(h)
