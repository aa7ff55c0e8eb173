# cython: language_level=3
"""Bounded reads of untrusted bytes: nothing here looks at or beyond `end`."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #if defined(__SSE2__)
    #include <emmintrin.h>
    /* Whether all n bytes are printable ASCII; may read up to limit, 16 at a time. */
    static inline int is_plain(const uint8_t *p, int64_t n, const uint8_t *limit) {
        const __m128i low = _mm_set1_epi8(0x1f), high = _mm_set1_epi8(0x7f);
        while (n > 0 && limit - p >= 16) {
            __m128i word = _mm_loadu_si128((const __m128i *)p);
            __m128i good = _mm_and_si128(_mm_cmpgt_epi8(word, low), _mm_cmplt_epi8(word, high));
            uint32_t seen = (uint32_t)_mm_movemask_epi8(good);
            uint32_t wanted = n >= 16 ? 0xFFFFu : (1u << n) - 1u;
            if ((seen & wanted) != wanted) return 0;
            p += 16;
            n -= 16;
        }
        for (; n > 0; p++, n--)
            if (*p < 0x20 || *p > 0x7e) return 0;
        return 1;
    }
    /* Of printable ASCII: 0 with an @, 1 with a letter, 2 with neither. */
    static inline int shape_of(const uint8_t *p, int64_t n, const uint8_t *limit) {
        const __m128i at = _mm_set1_epi8('@');
        int64_t i = 0;
        int named = 0;
        while (n - i > 0 && limit - p - i >= 16) {
            __m128i word = _mm_loadu_si128((const __m128i *)(p + i));
            uint32_t here = n - i >= 16 ? 0xFFFFu : (1u << (n - i)) - 1u;
            if ((uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(word, at)) & here) return 0;
            named |= (uint32_t)_mm_movemask_epi8(_mm_cmpgt_epi8(word, at)) & here ? 1 : 0;
            i += 16;
        }
        for (; i < n; i++) {
            if (p[i] == '@') return 0;
            named |= p[i] > '@';
        }
        return named ? 1 : 2;
    }
    #else
    static inline int shape_of(const uint8_t *p, int64_t n, const uint8_t *limit) {
        int named = 0;
        (void)limit;
        for (int64_t i = 0; i < n; i++) {
            if (p[i] == '@') return 0;
            named |= p[i] > '@';
        }
        return named ? 1 : 2;
    }
    static inline int is_plain(const uint8_t *p, int64_t n, const uint8_t *limit) {
        (void)limit;
        for (; n > 0; p++, n--)
            if (*p < 0x20 || *p > 0x7e) return 0;
        return 1;
    }
    #endif
    /* 2**x to 1e-10 of its value; 0 below 2**-1000. The polynomial is exp's series in
       x ln 2, over -1/2 to 1/2, in Estrin's order: half as many steps that wait for
       another as in Horner's. */
    static inline double power_of_two(double x) {
        if (x < -1000.0) return 0.0;
        if (x > 1000.0) x = 1000.0;
        int64_t whole = (int64_t)(x + (x < 0 ? -0.5 : 0.5));
        double y = (x - (double)whole) * 0.69314718055994530942;
        double y2 = y * y, y4 = y2 * y2;
        double low = (1.0 + y) + y2 * (1.0 / 2 + y * (1.0 / 6));
        double high = (1.0 / 24 + y * (1.0 / 120)) + y2 * (1.0 / 720 + y * (1.0 / 5040));
        double sum = low + y4 * (high + y4 * (1.0 / 40320));
        uint64_t bits = (uint64_t)(whole + 1023) << 52;
        double scale;
        memcpy(&scale, &bits, 8);
        return sum * scale;
    }
    """
    int is_plain(const uint8_t*, int64_t, const uint8_t*) noexcept nogil
    int shape_of(const uint8_t*, int64_t, const uint8_t*) noexcept nogil
    double power_of_two(double) noexcept nogil


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
