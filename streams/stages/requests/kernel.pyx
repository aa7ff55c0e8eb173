# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Preference columns -> people's rows, compiled: who may need a new creative.

It keeps the rows of people for whom a record changes nothing but what is known of
them, and names the others, whom `streams.stages.requests.asking` looks at one by one.
What the rows mean: `streams.stages.requests.reference`.
"""

import numpy as np

from cpython.buffer cimport PyBuffer_FillInfo  # no-cython-lint: for the parts
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc  # no-cython-lint: for the parts
from libc.string cimport memcmp, memcpy, memset

from streams.columns._memory cimport free_table, huge_pages, map_space, new_table, open_space, touch_pages, unmap_space  # no-cython-lint: for the parts
from streams.columns._read cimport hash_bytes, read_varint
from streams.columns._spans cimport LENGTH_BITS, LENGTH_MASK, NULL_VALUE, PREFETCH  # no-cython-lint: for the parts

from streams.stages.requests.person import PLACES, Person, Place

cdef enum:
    N_PLACES = 8
    BLOCK = 32
    VERSION = 1
    MARKED_VERSION = 2
    MARK_BYTES = 6
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


# So near to the threshold, the rounding of a distance is left to Python.
cdef double MARGIN = 1e-4

MOST_PLACES = N_PLACES

# The vocabulary's own; a spot beyond these stands for no placement.
cdef int n_known_places = min(N_PLACES, len(PLACES))

cdef packed struct Spot:  # one placement
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
    Spot places[N_PLACES]
    uint8_t unused


# Of a row in the changelog: see person.py.
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


include "_region.pxi"
include "_key_index.pxi"
include "kernel_vectors.pxi"
include "kernel_needs.pxi"
include "kernel_people.pxi"
include "kernel_fold.pxi"
include "kernel_changelog.pxi"


cdef class Rows(Logged):
    """The people of one partition, compiled."""
