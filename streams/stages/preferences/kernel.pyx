# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Columns -> rows -> changelog: what `reference.py` says, for millions of people.

One extension of some parts, so that they call each other as C. A person is a row of
`rows.row_dtype`; this is also the memory that rows and ids lie in.
"""

import numpy as np

from cpython.buffer cimport PyBuffer_FillInfo  # no-cython-lint: for the parts
from libc.stdint cimport int16_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.math cimport fabs
from libc.stdlib cimport free, realloc  # no-cython-lint: for the parts
from libc.string cimport memcmp, memcpy, memset

from streams.columns._memory cimport free_table, huge_pages, map_space, new_table, open_space, touch_pages, unmap_space  # no-cython-lint: for the parts
from streams.columns._read cimport hash_bytes, power_of_two
from streams.columns._spans cimport LENGTH_BITS, LENGTH_MASK, NULL_VALUE, PREFETCH  # no-cython-lint: for the parts

cdef enum:
    BLOCK = 128
    AHEAD = 16
    TICK_BITS = 9
    N_UNCLICKED = 6
    N_KINDS = 16
    MAX_LIVES = 16
    CATEGORY_SLOTS = 1024
    IMPRESSION = 0
    CLICK = 1

cdef int64_t EPOCH_MS = 946684800000

cdef inline uint32_t tick_of(int64_t at) noexcept nogil:
    """Return the tick of an instant, the first is 1; 0 before there was any."""
    if at < EPOCH_MS:
        return 0
    return max(<uint32_t>((at - EPOCH_MS) >> TICK_BITS), 1)


cdef packed struct Row:
    int64_t as_of
    uint32_t landmark
    uint32_t n_events
    uint32_t last_click
    uint32_t withdrawn
    uint32_t profile
    uint32_t key_start
    uint16_t key_length
    uint8_t consent
    uint8_t dirty
    float bursts[2]
    uint32_t unclicked[N_UNCLICKED]

HEAD_BYTES = sizeof(Row)


include "_region.pxi"
include "_key_index.pxi"
include "kernel_window.pxi"
include "kernel_fold.pxi"
include "kernel_blocks.pxi"
include "kernel_changelog.pxi"
