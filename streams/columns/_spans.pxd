# cython: language_level=3
"""Spans: start << 24 | length, inside the records of a payload; and what is null."""

from libc.stdint cimport int64_t, uint8_t

cdef extern from *:
    """
    #include <stdint.h>
    #if defined(__GNUC__) || defined(__clang__)
    #define PREFETCH(p) __builtin_prefetch((const void *)(p))
    #else
    #define PREFETCH(p) ((void)0)
    #endif
    #define NULL_VALUE INT64_MIN
    """
    void PREFETCH(const void*) noexcept nogil
    int64_t NULL_VALUE

cdef enum:
    LENGTH_BITS = 24
    LENGTH_MASK = 0xFFFFFF
