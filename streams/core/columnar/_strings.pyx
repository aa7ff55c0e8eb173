# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Spans -> offsets and bytes, compiled: the twin of `strings.py`, which says what."""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memcpy

DEF LENGTH_BITS = 24
DEF LENGTH_MASK = (1 << 24) - 1


def gather(payloads, const int64_t[::1] row_starts, const int64_t[::1] spans):
    """Return the bytes of spans; see `strings.gather`."""
    cdef int64_t n = spans.shape[0], total = 0, i, row, last, length, start, size
    if row_starts.shape[0] != len(payloads) + 1 or row_starts[0] != 0:
        raise ValueError("expected the first row of each payload, and the end")
    if row_starts[len(payloads)] != n:
        raise ValueError(f"expected {n} rows, got {row_starts[len(payloads)]}")
    offsets_array = np.empty(n + 1, np.int32)
    cdef int32_t[::1] offsets = offsets_array
    for row in range(n):
        offsets[row] = <int32_t>total
        if spans[row] >= 0:
            total += spans[row] & LENGTH_MASK
        if total > 0x7FFFFFFF:
            raise OverflowError("expected less than 2 GiB in a column")
    offsets[n] = <int32_t>total
    content_array = np.empty(total, np.uint8)
    if total == 0:
        return offsets_array, content_array
    cdef uint8_t[::1] content = content_array
    cdef const uint8_t[::1] view
    cdef const uint8_t* base
    cdef bint inside = True
    for i in range(len(payloads)):
        row = row_starts[i]
        last = row_starts[i + 1]
        if row > last or last > n:
            raise ValueError("expected rows in the order of their payloads")
        view = payloads[i].records
        size = view.shape[0]
        if size == 0:
            continue
        base = &view[0]
        with nogil:
            while row < last:
                if spans[row] >= 0:
                    start = spans[row] >> LENGTH_BITS
                    length = spans[row] & LENGTH_MASK
                    if start > size or length > size - start:
                        inside = False
                        break
                    memcpy(&content[0] + offsets[row], base + start, length)
                row += 1
        if not inside:
            raise ValueError("a span points outside its payload")
    return offsets_array, content_array
