# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Columns -> open impressions -> feedback, compiled: what `reference.py` says, for millions.

One extension of some parts, so that they call each other as C.
"""

import os

import numpy as np

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy

from streams.columns._feedback cimport Text, put_bytes, put_double, put_feedback_id, put_long, put_optional, put_text
from streams.columns._read cimport hash_bytes
from streams.columns._spans cimport LENGTH_BITS, LENGTH_MASK, NULL_VALUE, PREFETCH  # no-cython-lint: for the parts
from streams.stages.attribution._wheel cimport Link, Wheel, cut_link, next_due, push_link, start_timer, stop_timer

from schemas.records import Feedback
from streams.stages.attribution.outcome import REWARDS, receipt_avro
from streams.stages.attribution.state import KINDS, OUTCOMES, SURFACES, Reaction, Shown as Found
from streams.columns.encoded import Encoded
from streams.stages.attribution.traffic import is_robot

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* n) except NULL

# Each part knows those before it; a class takes over what the part before has.
include "kernel_entries.pxi"
include "kernel_table.pxi"
include "kernel_feedback.pxi"
include "kernel_time.pxi"
include "kernel_fold.pxi"
include "kernel_changelog.pxi"


cdef class Impressions(Logged):
    """One partition's impressions within their windows; see the reference for the methods."""
