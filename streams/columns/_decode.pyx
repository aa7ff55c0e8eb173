# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Payloads -> columns; `decode.py` says what they are."""

import numpy as np

from libc.stdint cimport int16_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from streams.columns._read cimport is_plain, read_varint, shape_of
from streams.columns._spans cimport LENGTH_BITS, LENGTH_MASK, NULL_VALUE

from streams.columns.columns import Columns

cdef enum:
    MAX_MESSAGE = 256 * 1024  # schemas.avro.MAX_BYTES

include "_decode_plan.pxi"
include "_decode_text.pxi"
include "_decode_design.pxi"
include "_decode_value.pxi"
include "_decode_frame.pxi"


cdef struct Decoded:
    # Where records go; n and n_odd say how many came before.
    int64_t* slots  # [slots, stride]
    int64_t stride
    int64_t* offsets
    int64_t* keys
    int64_t n
    int64_t* odd  # [records, 4]
    int64_t n_odd


cdef inline int64_t schema_id_of(const uint8_t* base, int64_t value) noexcept nogil:
    """Return the schema id of a framed message; -1 for what is none."""
    cdef const uint8_t* p = base + (value >> LENGTH_BITS)
    if value == NULL_VALUE or not 5 <= (value & LENGTH_MASK) <= MAX_MESSAGE or p[0]:
        return -1
    return <int64_t>p[1] << 24 | <int64_t>p[2] << 16 | <int64_t>p[3] << 8 | p[4]


cdef inline int read_message(
        CompiledPlan plan, const uint8_t* base, const uint8_t* end, int64_t key, int64_t value, int64_t now, const
        Decoded* to
) noexcept nogil:
    """Decode a message into the next column of slots; 0 when it is not ordinary."""
    cdef const uint8_t* body = base + (value >> LENGTH_BITS)
    if not decode_value(plan, body + 5, body + (value & LENGTH_MASK), base, end, now, &to.slots[to.n], to.stride):
        return 0
    return plan.key_slot < 0 or equals_key(base, key, to.slots[plan.key_slot * to.stride + to.n])


cdef inline void keep(Decoded* to, int ordinary, int64_t payload, int64_t offset, int64_t key, int64_t value) noexcept nogil:
    """Count a record in, or put it among the odd ones."""
    cdef int64_t* odd = to.odd + 4 * to.n_odd
    if ordinary:
        to.offsets[to.n] = offset
        to.keys[to.n] = key
        to.n += 1
        return
    odd[0], odd[1], odd[2], odd[3] = payload, offset, key, value
    to.n_odd += 1


cdef int64_t decode_payload(payload, int64_t index, int64_t from_offset, plans, int64_t now, Decoded* to) except -1:
    """Decode the records of one payload; return how many were framed."""
    cdef int64_t i = 0, frames = payload.n_records, base_offset = payload.base_offset
    cdef int64_t delta, key, value, schema_id
    cdef int n_plans = len(plans), ordinary
    cdef CompiledPlan plan = plans[0], other
    cdef const uint8_t[::1] view = payload.records
    if frames <= 0 or view.shape[0] == 0:
        return 0
    cdef const uint8_t* base = &view[0]
    cdef const uint8_t* p = base
    cdef const uint8_t* end = base + view.shape[0]
    with nogil:
        while i < frames and read_frame(&p, end, base, &delta, &key, &value):
            i += 1
            if base_offset + delta < from_offset:
                continue
            schema_id = schema_id_of(base, value)
            if schema_id >= 0 and schema_id != plan.schema_id and n_plans > 1:
                with gil:
                    for other in plans:
                        if other.schema_id == schema_id:
                            plan = other
            ordinary = schema_id == plan.schema_id and read_message(plan, base, end, key, value, now, to)
            keep(to, ordinary, index, base_offset + delta, key, value)
    return i


def decode(payloads, int64_t from_offset, plans, int64_t now):
    """Return the columns of payloads; records before `from_offset` are left out.

    Args:
        payloads: of one partition, in offset order.
        from_offset: first offset that counts.
        plans: one per writer schema, with the same slots; others are odd.
        now: epoch ms, for instants that cannot be.
    """
    cdef int64_t capacity = sum(payload.n_records for payload in payloads), framed
    cdef CompiledPlan plan = plans[0]
    slots = np.empty((plan.n_slots, capacity), np.int64)
    offsets, keys = np.empty((2, capacity), np.int64)
    odd = np.empty((capacity, 4), np.int64)
    starts = np.zeros(len(payloads) + 1, np.int64)
    cdef int64_t[:, ::1] slots_view = slots, odd_view = odd
    cdef int64_t[::1] offsets_view = offsets, keys_view = keys
    cdef Decoded to
    to.slots, to.stride, to.n = &slots_view[0, 0], capacity, 0
    to.offsets, to.keys = &offsets_view[0], &keys_view[0]
    to.odd, to.n_odd = &odd_view[0, 0], 0
    malformed = []
    for index, payload in enumerate(payloads):
        framed = decode_payload(payload, index, from_offset, plans, now, &to)
        if framed < payload.n_records:
            malformed.append((index, framed))
        starts[index + 1] = to.n
    return Columns(
        payloads=tuple(payloads),
        row_starts=starts,
        offsets=offsets[:to.n],
        keys=keys[:to.n],
        slots=slots[:, :to.n],
        names=plan.names,
        odd=odd[:to.n_odd],
        malformed=tuple(malformed),
    )
