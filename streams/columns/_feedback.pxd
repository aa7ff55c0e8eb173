# cython: language_level=3
"""One impression's outcome -> ads.feedback.v1 in Avro: the parts, without bounds.

Callers reserve room first. The field order is schemas/feedback.avsc; the feedback id is
`streams.columns.ids.derived_id("feedback", impression id, revision)`.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    /* BLAKE2b (RFC 7693), 16 bytes, no key. */
    static const uint64_t BLAKE_IV[8] = {
        0x6a09e667f3bcc908ULL, 0xbb67ae8584caa73bULL, 0x3c6ef372fe94f82bULL,
        0xa54ff53a5f1d36f1ULL, 0x510e527fade682d1ULL, 0x9b05688c2b3e6c1fULL,
        0x1f83d9abfb41bd6bULL, 0x5be0cd19137e2179ULL};
    static const uint8_t BLAKE_SIGMA[12][16] = {
        {0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15}, {14,10,4,8,9,15,13,6,1,12,0,2,11,7,5,3},
        {11,8,12,0,5,2,15,13,10,14,3,6,7,1,9,4}, {7,9,3,1,13,12,11,14,2,6,5,10,4,0,15,8},
        {9,0,5,7,2,4,10,15,14,1,11,12,6,8,3,13}, {2,12,6,10,0,11,8,3,4,13,7,5,15,14,1,9},
        {12,5,1,15,14,13,4,10,0,7,6,3,9,2,8,11}, {13,11,7,14,12,1,3,9,5,0,15,4,8,6,2,10},
        {6,15,14,9,11,3,0,8,12,2,13,7,1,4,10,5}, {10,2,8,4,7,6,1,5,15,11,9,14,3,12,13,0},
        {0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15}, {14,10,4,8,9,15,13,6,1,12,0,2,11,7,5,3}};
    #define BLAKE_ROTR(x, n) (((x) >> (n)) | ((x) << (64 - (n))))
    #define BLAKE_G(a, b, c, d, x, y) \\
        a += b + (x); d = BLAKE_ROTR(d ^ a, 32); c += d; b = BLAKE_ROTR(b ^ c, 24); \\
        a += b + (y); d = BLAKE_ROTR(d ^ a, 16); c += d; b = BLAKE_ROTR(b ^ c, 63);

    static void blake_block(uint64_t h[8], const uint8_t *block, uint64_t n, int last) {
        uint64_t v[16], m[16];
        int i;
        for (i = 0; i < 16; i++) {
            const uint8_t *p = block + 8 * i;
            m[i] = (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 |
                   (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 |
                   (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
        }
        for (i = 0; i < 8; i++) { v[i] = h[i]; v[i + 8] = BLAKE_IV[i]; }
        v[12] ^= n;
        if (last) v[14] = ~v[14];
        for (i = 0; i < 12; i++) {
            const uint8_t *s = BLAKE_SIGMA[i];
            BLAKE_G(v[0], v[4], v[8], v[12], m[s[0]], m[s[1]])
            BLAKE_G(v[1], v[5], v[9], v[13], m[s[2]], m[s[3]])
            BLAKE_G(v[2], v[6], v[10], v[14], m[s[4]], m[s[5]])
            BLAKE_G(v[3], v[7], v[11], v[15], m[s[6]], m[s[7]])
            BLAKE_G(v[0], v[5], v[10], v[15], m[s[8]], m[s[9]])
            BLAKE_G(v[1], v[6], v[11], v[12], m[s[10]], m[s[11]])
            BLAKE_G(v[2], v[7], v[8], v[13], m[s[12]], m[s[13]])
            BLAKE_G(v[3], v[4], v[9], v[14], m[s[14]], m[s[15]])
        }
        for (i = 0; i < 8; i++) h[i] ^= v[i] ^ v[i + 8];
    }

    static void blake_hex(const uint8_t *text, int64_t n, uint8_t *hex) {
        static const char digits[] = "0123456789abcdef";
        uint64_t h[8];
        uint8_t block[128];
        int64_t done = 0;
        int i;
        for (i = 0; i < 8; i++) h[i] = BLAKE_IV[i];
        h[0] ^= 0x01010000ULL ^ 16;
        while (n - done > 128) {
            blake_block(h, text + done, (uint64_t)(done + 128), 0);
            done += 128;
        }
        memset(block, 0, 128);
        memcpy(block, text + done, (size_t)(n - done));
        blake_block(h, block, (uint64_t)n, 1);
        for (i = 0; i < 16; i++) {
            uint8_t byte = (uint8_t)(h[i >> 3] >> (8 * (i & 7)));
            hex[2 * i] = (uint8_t)digits[byte >> 4];
            hex[2 * i + 1] = (uint8_t)digits[byte & 15];
        }
    }
    """
    void blake_hex(const uint8_t* text, int64_t n, uint8_t* hex) noexcept nogil


cdef struct Text:
    const uint8_t* p
    int64_t n  # -1: null


cdef inline uint8_t* put_long(uint8_t* to, int64_t value) noexcept nogil:
    cdef uint64_t bits = <uint64_t>value << 1 ^ <uint64_t>(value >> 63)
    while bits >= 128:
        to[0] = <uint8_t>(bits & 127 | 128)
        bits >>= 7
        to += 1
    to[0] = <uint8_t>bits
    return to + 1


cdef inline uint8_t* put_bytes(uint8_t* to, const uint8_t* p, int64_t n) noexcept nogil:
    memcpy(to, p, n)
    return to + n


cdef inline uint8_t* put_text(uint8_t* to, Text text) noexcept nogil:
    return put_bytes(put_long(to, text.n), text.p, text.n)


cdef inline uint8_t* put_optional(uint8_t* to, Text text) noexcept nogil:
    if text.n < 0:
        to[0] = 0
        return to + 1
    to[0] = 2
    return put_text(to + 1, text)


cdef inline uint8_t* put_double(uint8_t* to, double value) noexcept nogil:
    memcpy(to, &value, 8)
    return to + 8


cdef inline uint8_t* put_feedback_id(uint8_t* to, Text impression, int64_t revision) noexcept nogil:
    """Write the id; the impression's is at most MAX_TEXT bytes."""
    cdef uint8_t text[2200]
    cdef uint8_t digits[20]
    cdef uint8_t* at = put_bytes(text, b"feedback\x1f", 9)
    cdef int n = 0
    at = put_bytes(at, impression.p, impression.n)
    at[0] = 0x1F
    at += 1
    while True:
        digits[n] = <uint8_t>(48 + revision % 10)
        n += 1
        revision //= 10
        if revision == 0:
            break
    while n:
        n -= 1
        at[0] = digits[n]
        at += 1
    to = put_long(to, 32)
    blake_hex(text, at - text, to)
    return to + 32
