# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Preference columns -> people's rows, compiled: who may need a new creative.

It keeps the rows of people for whom a record changes nothing but what is known of
them, and names the others, whom `streams.stages.requests.stage` looks at one by one. Rows, key
index and vectors are those of `streams.stages.requests.table`.
"""

import numpy as np

from cpython.buffer cimport PyBuffer_FillInfo
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcmp, memcpy, memset

from streams.columns._memory cimport free_table, huge_pages, map_space, new_table, open_space, touch_pages, unmap_space
from streams.columns._read cimport hash_bytes, read_varint

cdef extern from *:
    """
    #include <math.h>
    #if defined(__GNUC__) || defined(__clang__)
    #define PREFETCH(p) __builtin_prefetch((const void *)(p))
    #else
    #define PREFETCH(p) ((void)0)
    #endif
    #include <stdint.h>
    #include <string.h>
    /* Eight sums side by side, added up in the order in which numpy adds them. */
    static inline float sum_of(const float *x, int n) {
        float r[8] = {0, 0, 0, 0, 0, 0, 0, 0}, s = 0;
        int i = 0, k;
        for (; i + 8 <= n; i += 8)
            for (k = 0; k < 8; k++) r[k] += x[i + k];
        s = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
        for (; i < n; i++) s += x[i];
        return s;
    }
    static inline float dot_of(const float *x, const float *y, int n) {
        float r[8] = {0, 0, 0, 0, 0, 0, 0, 0}, s = 0;
        int i = 0, k;
        for (; i + 8 <= n; i += 8)
            for (k = 0; k < 8; k++) r[k] += x[i + k] * y[i + k];
        s = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
        for (; i < n; i++) s += x[i] * y[i];
        return s;
    }
    static inline int all_finite(const float *x, int n) {
        uint32_t bits, bad = 0;
        int i;
        for (i = 0; i < n; i++) {
            memcpy(&bits, x + i, 4);
            bad |= (bits & 0x7f800000u) == 0x7f800000u;
        }
        return !bad;
    }
    /* Weights [lives, n] -> one preference vector, as preference.vector.mixed does; 0
       when a weight is not finite. */
    static int mix(const uint8_t *weights, int lives, int n, float *scratch, float *out,
                   float *liked) {
        int life, i, present = 0;
        float total = 0;
        memset(out, 0, 4 * (size_t)n);
        for (life = 0; life < lives; life++) {
            memcpy(scratch, weights + 4 * (size_t)life * n, 4 * (size_t)n);
            if (!all_finite(scratch, n)) return 0;
            for (i = 0; i < n; i++) scratch[i] = scratch[i] > 0 ? scratch[i] : 0;
            total = sum_of(scratch, n);
            if (total > 0) {
                present++;
                for (i = 0; i < n; i++) out[i] += scratch[i] / total;
            }
        }
        if (present > 1)
            for (i = 0; i < n; i++) out[i] /= (float)present;
        for (i = 0; i < n; i++) out[i] *= total;
        *liked = total;
        return 1;
    }
    static inline double distance_of(const float *x, const float *y, int n) {
        double xx = dot_of(x, x, n), yy = dot_of(y, y, n), apart;
        if (xx == 0 || yy == 0) return xx == yy ? 0.0 : 1.0;
        apart = 1.0 - dot_of(x, y, n) / sqrt(xx * yy);
        return apart > 0 ? apart : 0;
    }
    """
    void PREFETCH(const void*) noexcept nogil
    int mix_weights "mix"(const uint8_t*, int, int, float*, float*, float*) noexcept nogil
    double distance_of(const float*, const float*, int) noexcept nogil

cdef enum:
    LENGTH_BITS = 24
    LENGTH_MASK = 0xFFFFFF
    N_PLACES = 4
    BLOCK = 32
    MAX_LIVES = 16
    VERSION = 1
    STYLES_END = 0x1F

cdef enum:
    QUIET = 0
    HELD = 1
    NEEDS = 2

cdef enum:
    CONSENT = 1
    CHINESE = 2
    HISTORY = 4
    VECTOR = 8

cdef enum:
    NO_SNAPSHOT = 0
    OWN = 1
    SAME = 2

cdef int64_t NULL_VALUE = <int64_t>(<uint64_t>1 << 63)

cdef double MARGIN = 1e-4
"""So near to the threshold, the rounding of a distance is left to Python."""

cdef inline int64_t number_in(uint64_t slot) noexcept nogil:
    """Return the row number in a slot of the key index."""
    return <int64_t>(<uint32_t>slot) - 1


cdef packed struct Place:
    int64_t requested_at
    uint32_t n_requests
    uint32_t unclicked
    uint32_t snapshot
    uint8_t used


cdef packed struct Row:
    int64_t since
    int64_t active_at
    int64_t alarm_at
    uint32_t vector
    uint32_t n_unclicked
    uint8_t consent
    uint8_t is_chinese
    uint8_t has_history
    uint8_t is_pending
    uint8_t dirty
    uint32_t key_start
    uint16_t key_length
    Place places[N_PLACES]
    uint8_t unused


# Of a row in the changelog: see request/state.py.
cdef packed struct Head:
    uint8_t version
    uint8_t flags
    uint16_t n_categories
    int64_t since
    int64_t active_at
    uint32_t n_unclicked


cdef packed struct Entry:
    uint8_t placement
    uint8_t snapshot
    int64_t requested_at
    uint32_t n_requests
    uint32_t unclicked


ROW_BYTES = sizeof(Row)

include "_region.pxi"
include "_key_index.pxi"
include "_requests_pool.pxi"
include "_requests_needs.pxi"
include "_requests_fold.pxi"
include "_requests_changelog.pxi"
