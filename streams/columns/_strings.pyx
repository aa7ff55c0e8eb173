# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Spans -> offsets and bytes, compiled: the twin of `strings.py`, which says what."""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memcpy

from streams.columns._read cimport read_varint
from streams.columns._spans cimport LENGTH_BITS, LENGTH_MASK


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


cdef int64_t enter_map(const uint8_t** at, const uint8_t* end, const uint8_t* base, bint of_doubles, int64_t* keys, int64_t* values) noexcept nogil:
    """Return the entries of a map in one block, their spans written; -1: it is none.

    With NULL for the spans the entries are only counted.
    """
    cdef int64_t n, i, length
    if not read_varint(at, end, &n) or n < 0:
        return -1
    for i in range(n):
        if not read_varint(at, end, &length) or length < 0 or length > end - at[0]:
            return -1
        if keys != NULL:
            keys[i] = (at[0] - base) << LENGTH_BITS | length
        at[0] += length
        length = 8
        if not of_doubles and not read_varint(at, end, &length):
            return -1
        if length < 0 or length > end - at[0]:
            return -1
        if values != NULL:
            values[i] = (at[0] - base) << LENGTH_BITS | length
        at[0] += length
    if n > 0:
        if at[0] >= end or at[0][0] != 0:
            return -1
        at[0] += 1
    return n


cdef int64_t enter_design(const uint8_t* base, int64_t size, int64_t span, int which, int64_t* keys, int64_t* values) noexcept nogil:
    """Return the entries of one of a design's two maps; -1: it is none."""
    cdef int64_t start = span >> LENGTH_BITS, length = span & LENGTH_MASK
    cdef const uint8_t* at = base + start
    cdef const uint8_t* end = at + length
    if span < 0:
        return 0
    if start > size or length > size - start:
        return -1
    if which == 0:
        return enter_map(&at, end, base, False, keys, values)
    if enter_map(&at, end, base, False, NULL, NULL) < 0:
        return -1
    return enter_map(&at, end, base, True, keys, values)


def entries(payloads, const int64_t[::1] row_starts, const int64_t[::1] spans, int which):
    """Return the entries of designs; see `designs.entries_in_python`."""
    cdef int64_t n = spans.shape[0], total = 0, room = 0, i, row, found
    cdef const uint8_t[::1] view
    cdef const uint8_t* base
    cdef int64_t size
    if row_starts.shape[0] != len(payloads) + 1 or row_starts[0] != 0 or row_starts[len(payloads)] != n:
        raise ValueError("expected the first row of each payload, and the end")
    for row in range(n):
        room += max(0, spans[row]) & LENGTH_MASK  # an entry takes two bytes or more
    bounds_array = np.zeros(n + 1, np.int32)
    starts_array = np.zeros(len(payloads) + 1, np.int64)
    keys_array, values_array = np.empty(room // 2 + 1, np.int64), np.empty(room // 2 + 1, np.int64)
    cdef int32_t[::1] bounds = bounds_array
    cdef int64_t[::1] starts = starts_array
    cdef int64_t[::1] keys = keys_array
    cdef int64_t[::1] values = values_array
    for i in range(len(payloads)):
        view = payloads[i].records
        size = view.shape[0]
        base = &view[0] if size else NULL
        if row_starts[i] > row_starts[i + 1] or row_starts[i + 1] > n:
            raise ValueError("expected rows in the order of their payloads")
        for row in range(row_starts[i], row_starts[i + 1]):
            found = enter_design(base, size, spans[row], which, &keys[total], &values[total])
            if found < 0:
                raise ValueError("a span points at no design")
            total += found
            bounds[row + 1] = <int32_t>total
        starts[i + 1] = total
    return bounds_array, starts_array, keys_array[:total].copy(), values_array[:total].copy()
