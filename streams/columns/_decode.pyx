# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Payloads -> columns, compiled: the twin of `decode.py`, which says what it does."""

import numpy as np

from libc.stdint cimport int16_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from streams.columns._read cimport is_plain, read_varint, shape_of

from streams.columns.columns import Columns

cdef enum:
    LENGTH_BITS = 24
    MAX_LENGTH = 0xFFFFFF
    MAX_MESSAGE = 256 * 1024  # schemas.avro.MAX_BYTES

cdef int64_t NULL_VALUE = <int64_t>(<uint64_t>1 << 63)

include "_decode_plan.pxi"
include "_decode_text.pxi"
include "_decode_design.pxi"
include "_decode_value.pxi"
include "_decode_frame.pxi"


def decode(payloads, int64_t from_offset, plans, int64_t now):
    """Return the columns of payloads; see `decode.decode`."""
    cdef int64_t capacity = 0, n = 0, n_odd = 0, i, frames, delta, key, value, offset
    cdef int64_t base_offset, stride
    cdef int n_plans = len(plans), which, framed
    cdef uint32_t schema_id
    cdef CompiledPlan plan = plans[0], chosen
    cdef const uint8_t[::1] view
    cdef const uint8_t* base
    cdef const uint8_t* p
    cdef const uint8_t* end
    cdef const uint8_t* body
    for payload in payloads:
        capacity += payload.n_records
    slots_array = np.empty((plan.n_slots, capacity), np.int64)
    offsets_array = np.empty(capacity, np.int64)
    keys_array = np.empty(capacity, np.int64)
    odd_array = np.empty((capacity, 4), np.int64)
    starts_array = np.zeros(len(payloads) + 1, np.int64)
    cdef int64_t[:, ::1] slots = slots_array
    cdef int64_t[::1] offsets = offsets_array
    cdef int64_t[::1] keys = keys_array
    cdef int64_t[:, ::1] odd = odd_array
    cdef int64_t[::1] starts = starts_array
    cdef int64_t index = 0
    stride = capacity
    malformed = []
    for payload in payloads:
        frames = payload.n_records
        base_offset = payload.base_offset
        view = payload.records
        i = 0
        if frames > 0 and view.shape[0] > 0:
            base = &view[0]
            p = base
            end = base + view.shape[0]
            with nogil:
                while i < frames:
                    if not read_frame(&p, end, base, &delta, &key, &value):
                        break
                    i += 1
                    offset = base_offset + delta
                    if offset < from_offset:
                        continue
                    framed = 0
                    if value != NULL_VALUE and 5 <= (value & MAX_LENGTH) <= MAX_MESSAGE:
                        body = base + (value >> LENGTH_BITS)
                        if body[0] == 0:
                            schema_id = <uint32_t>body[1] << 24 | <uint32_t>body[2] << 16 | <uint32_t>body[3] << 8 | body[4]
                            if schema_id == plan.schema_id:
                                framed = decode_value(plan, body + 5, body + (value & MAX_LENGTH), base, end, now, &slots[0, n], stride)
                            elif n_plans > 1:
                                with gil:
                                    for which in range(n_plans):
                                        chosen = plans[which]
                                        if chosen.schema_id == schema_id:
                                            plan = chosen
                                            framed = decode_value(plan, body + 5, body + (value & MAX_LENGTH), base, end, now, &slots[0, n], stride)
                                            break
                            if framed and plan.key_slot >= 0 and not equals_key(base, key, slots[plan.key_slot, n]):
                                framed = 0
                    if framed:
                        offsets[n] = offset
                        keys[n] = key
                        n += 1
                    else:
                        odd[n_odd, 0] = index
                        odd[n_odd, 1] = offset
                        odd[n_odd, 2] = key
                        odd[n_odd, 3] = value
                        n_odd += 1
        if i < frames:
            malformed.append((index, i))
        index += 1
        starts[index] = n
    return Columns(
        payloads=tuple(payloads),
        row_starts=starts_array,
        offsets=offsets_array[:n],
        keys=keys_array[:n],
        slots=slots_array[:, :n],
        names=plan.names,
        odd=odd_array[:n_odd],
        malformed=tuple(malformed),
    )
