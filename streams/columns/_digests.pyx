# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Parts of texts -> their digests, compiled: the twin of `digests.py`.

BLAKE2b as RFC 7693, section 3, has it: unkeyed, 16 bytes.
"""

import numpy as np

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy, memset

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL

DEF N_BYTES = 16
DEF BLOCK = 128

cdef uint64_t[8] IV = [
    0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1,
    0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179,
]

cdef uint8_t[12][16] SIGMA = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
]

cdef struct Hash:
    uint64_t[8] state
    uint8_t[BLOCK] block
    Py_ssize_t n_waiting  # bytes of the block
    uint64_t n_hashed  # bytes before the block


def digests(Py_ssize_t n, parts):
    """Return the digests of n rows; see `digests.digests`."""
    cdef Py_ssize_t row, size
    cdef const char* content
    cdef Hash hashed
    cdef bint is_first
    columns = list(parts)
    for part in columns:
        if type(part) is not str and len(part) != n:
            raise ValueError(f"expected {n} rows, got {len(part)}")
    answer = np.empty((n, N_BYTES), np.uint8)
    cdef uint8_t[:, ::1] out = answer
    for row in range(n):
        _begin(&hashed)
        is_first = True
        for part in columns:
            if not is_first:
                _feed(&hashed, b"\x1f", 1)
            is_first = False
            one = part if type(part) is str else (<list?>part)[row]
            content = PyUnicode_AsUTF8AndSize(one, &size)
            _feed(&hashed, content, size)
        _end(&hashed)
        memcpy(&out[row, 0], hashed.state, N_BYTES)  # little-endian machines
    return answer


cdef void _begin(Hash* hashed) noexcept nogil:
    memcpy(hashed.state, IV, sizeof(hashed.state))
    hashed.state[0] ^= 0x01010000 ^ N_BYTES
    hashed.n_waiting = 0
    hashed.n_hashed = 0


cdef void _feed(Hash* hashed, const char* content, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t taken
    while n:
        if hashed.n_waiting == BLOCK:  # and more to come: it is not the last one
            hashed.n_hashed += BLOCK
            _compress(hashed, 0)
            hashed.n_waiting = 0
        taken = min(n, BLOCK - hashed.n_waiting)
        memcpy(hashed.block + hashed.n_waiting, content, taken)
        hashed.n_waiting += taken
        content += taken
        n -= taken


cdef void _end(Hash* hashed) noexcept nogil:
    memset(hashed.block + hashed.n_waiting, 0, BLOCK - hashed.n_waiting)
    hashed.n_hashed += hashed.n_waiting
    _compress(hashed, ~<uint64_t>0)


cdef inline uint64_t _turned(uint64_t word, int n) noexcept nogil:
    return word >> n | word << (64 - n)


cdef inline void _mix(
    uint64_t* v, int a, int b, int c, int d, uint64_t x, uint64_t y
) noexcept nogil:
    v[a] = v[a] + v[b] + x
    v[d] = _turned(v[d] ^ v[a], 32)
    v[c] = v[c] + v[d]
    v[b] = _turned(v[b] ^ v[c], 24)
    v[a] = v[a] + v[b] + y
    v[d] = _turned(v[d] ^ v[a], 16)
    v[c] = v[c] + v[d]
    v[b] = _turned(v[b] ^ v[c], 63)


cdef void _compress(Hash* hashed, uint64_t last) noexcept nogil:
    cdef uint64_t[16] v
    cdef uint64_t[16] m
    cdef const uint8_t* s
    cdef int i
    memcpy(m, hashed.block, BLOCK)
    memcpy(v, hashed.state, 64)
    memcpy(v + 8, IV, 64)
    v[12] ^= hashed.n_hashed
    v[14] ^= last
    for i in range(12):
        s = SIGMA[i]
        _mix(v, 0, 4, 8, 12, m[s[0]], m[s[1]])
        _mix(v, 1, 5, 9, 13, m[s[2]], m[s[3]])
        _mix(v, 2, 6, 10, 14, m[s[4]], m[s[5]])
        _mix(v, 3, 7, 11, 15, m[s[6]], m[s[7]])
        _mix(v, 0, 5, 10, 15, m[s[8]], m[s[9]])
        _mix(v, 1, 6, 11, 12, m[s[10]], m[s[11]])
        _mix(v, 2, 7, 8, 13, m[s[12]], m[s[13]])
        _mix(v, 3, 4, 9, 14, m[s[14]], m[s[15]])
    for i in range(8):
        hashed.state[i] ^= v[i] ^ v[i + 8]
