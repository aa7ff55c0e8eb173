# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Payloads -> columns, compiled: the twin of `decode.py`, which says what it does."""

import numpy as np

from libc.stdint cimport int16_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from streams.core.columnar._read cimport is_plain, read_varint, shape_of

from streams.core.columnar.columns import Columns

cdef enum:
    MAX_STEPS = 64
    MAX_SYMBOLS = 64
    LENGTH_BITS = 24
    MAX_LENGTH = 0xFFFFFF
    MAX_ENTRIES = 64  # of a map of a design
    MAX_NAME = 128  # admission_checks.MAX_ID_CHARACTERS
    MAX_MESSAGE = 256 * 1024  # schemas.avro.MAX_BYTES

cdef enum:
    LONG = 0
    STRING = 1
    BYTES = 2
    BOOLEAN = 3
    DOUBLE = 4
    ENUM = 5
    LONGS = 6
    DESIGN = 7

cdef enum:
    NONE = 0
    TEXT = 1
    NAME = 2
    USER = 3
    INSTANT = 4
    RANGE = 5

cdef int64_t NULL_VALUE = <int64_t>(<uint64_t>1 << 63)

cdef struct CStep:
    int op
    int null_branch
    int slot
    int check
    int64_t limit
    double low
    double high
    int n_symbols
    int16_t symbols[MAX_SYMBOLS]


cdef class CompiledPlan:
    """A decode plan as C structs."""

    cdef CStep steps[MAX_STEPS]
    cdef int n_steps
    cdef int n_slots
    cdef int key_slot
    cdef uint32_t schema_id
    cdef int missing[MAX_STEPS]
    cdef int n_missing
    cdef readonly object names

    def __init__(self, plan):
        if len(plan.steps) > MAX_STEPS or len(plan.names) > MAX_STEPS:
            raise ValueError(f"expected at most {MAX_STEPS} fields, got {len(plan.steps)}")
        self.n_steps = len(plan.steps)
        self.n_slots = len(plan.names)
        self.key_slot = plan.key_slot
        self.schema_id = plan.schema_id
        self.names = plan.names
        self.n_missing = len(plan.missing)
        for i, slot in enumerate(plan.missing):
            self.missing[i] = slot
        for i, step in enumerate(plan.steps):
            if len(step.symbols) > MAX_SYMBOLS:
                raise ValueError(f"expected at most {MAX_SYMBOLS} symbols of an enum")
            self.steps[i].op = step.op
            self.steps[i].null_branch = step.null_branch
            self.steps[i].slot = step.slot
            self.steps[i].check = step.limits.check
            self.steps[i].limit = step.limits.limit
            self.steps[i].low = step.limits.low
            self.steps[i].high = step.limits.high
            self.steps[i].n_symbols = len(step.symbols)
            for j, symbol in enumerate(step.symbols):
                self.steps[i].symbols[j] = symbol


cdef int is_text(const uint8_t* p, int64_t n, int64_t limit, bint printable) noexcept nogil:
    """Return whether it is UTF-8 of at most `limit` characters, printable when asked."""
    cdef const uint8_t* end = p + n
    cdef int64_t characters = 0
    cdef uint32_t point
    cdef int more, i
    while p < end:
        more = following(p[0])
        if more < 0 or end - p <= more:
            return 0
        point = p[0] if more == 0 else p[0] & (0x3F >> more)
        for i in range(1, more + 1):
            if p[i] & 0xC0 != 0x80:
                return 0
            point = point << 6 | (p[i] & 0x3F)
        if more == 2 and (point < 0x800 or 0xD800 <= point <= 0xDFFF):
            return 0
        if more == 3 and (point < 0x10000 or point > 0x10FFFF):
            return 0
        if printable and (point < 0x20 or 0x7F <= point <= 0x9F or point == 0x2028 or point == 0x2029):
            return 0
        p += more + 1
        characters += 1
    return characters <= limit


cdef inline int following(uint8_t first) noexcept nogil:
    """Return how many bytes of a character follow its first (RFC 3629); -1: none may."""
    if first < 0x80:
        return 0
    if 0xC2 <= first <= 0xDF:
        return 1
    if 0xE0 <= first <= 0xEF:
        return 2
    if 0xF0 <= first <= 0xF4:
        return 3
    return -1


cdef inline int is_pseudonym(const uint8_t* p, int64_t n, const uint8_t* limit) noexcept nogil:
    """Return whether printable ASCII certainly is no e-mail address, no telephone number.

    With a letter and without an @ it is neither; digits alone are a Chinese mobile
    number when they are eleven and begin like one.
    """
    cdef int shape = shape_of(p, n, limit)
    cdef int64_t i
    if shape < 2:
        return shape
    for i in range(n):
        if p[i] < 48 or p[i] > 57:
            return 0
    return not (n == 11 and p[0] == 49 and p[1] >= 51)


cdef inline int read_string(CStep* step, const uint8_t** at, const uint8_t* end, const uint8_t* base, const uint8_t* limit, int64_t* out) noexcept nogil:
    cdef int64_t n
    cdef const uint8_t* p
    if not read_varint(at, end, &n) or n < 0 or n > end - at[0] or n > MAX_LENGTH:
        return 0
    p = at[0]
    if step.op == STRING and step.check != NONE:
        if step.check >= NAME and n == 0 and step.null_branch < 0:
            return 0
        if not (n <= step.limit and is_plain(p, n, limit)):
            if step.check == USER or not is_text(p, n, step.limit, step.check >= NAME):
                return 0
        elif step.check == USER and not is_pseudonym(p, n, limit):
            return 0
    out[0] = (p - base) << LENGTH_BITS | n
    at[0] = p + n
    return 1


cdef inline int read_longs(const uint8_t** at, const uint8_t* end, const uint8_t* base, int64_t* out) noexcept nogil:
    """Skip an array of longs in one block; its span is all of it."""
    cdef const uint8_t* start = at[0]
    cdef int64_t n, value
    if not read_varint(at, end, &n) or n < 0 or n > end - at[0]:
        return 0
    while n > 0:
        if not read_varint(at, end, &value):
            return 0
        n -= 1
        if n == 0:
            if at[0] >= end or at[0][0] != 0:
                return 0
            at[0] += 1
    out[0] = (start - base) << LENGTH_BITS | (at[0] - start)
    return 1


cdef inline int read_name(const uint8_t** at, const uint8_t* end, const uint8_t* limit, int64_t* length) noexcept nogil:
    """Read a short printable string that is not empty."""
    cdef const uint8_t* p
    if not read_varint(at, end, length) or length[0] < 1 or length[0] > end - at[0]:
        return 0
    p = at[0]
    if not (length[0] <= MAX_NAME and is_plain(p, length[0], limit)) and not is_text(p, length[0], MAX_NAME, True):
        return 0
    at[0] = p + length[0]
    return 1


cdef inline int read_finite(const uint8_t** at, const uint8_t* end) noexcept nogil:
    cdef uint64_t bits
    if end - at[0] < 8:
        return 0
    memcpy(&bits, at[0], 8)
    at[0] += 8
    return bits >> 52 & 0x7FF != 0x7FF


cdef int read_map(const uint8_t** at, const uint8_t* end, const uint8_t* limit, bint of_doubles) noexcept nogil:
    """Step over a map in one block; a key that comes twice is odd: the last one counts."""
    cdef const uint8_t* keys[MAX_ENTRIES]
    cdef int64_t lengths[MAX_ENTRIES]
    cdef int64_t n, i, j, length
    if not read_varint(at, end, &n) or n < 0 or n > MAX_ENTRIES:
        return 0
    for i in range(n):
        if not read_name(at, end, limit, &lengths[i]):
            return 0
        keys[i] = at[0] - lengths[i]
        for j in range(i):
            if lengths[j] == lengths[i] and memcmp(keys[j], keys[i], lengths[i]) == 0:
                return 0
        if not (read_finite(at, end) if of_doubles else read_name(at, end, limit, &length)):
            return 0
    if n > 0:
        if at[0] >= end or at[0][0] != 0:
            return 0
        at[0] += 1
    return 1


cdef inline int read_design(const uint8_t** at, const uint8_t* end, const uint8_t* base, const uint8_t* limit, int64_t* out) noexcept nogil:
    """Step over a map of strings and one of doubles; the span is both."""
    cdef const uint8_t* start = at[0]
    if not read_map(at, end, limit, False) or not read_map(at, end, limit, True):
        return 0
    out[0] = (start - base) << LENGTH_BITS | (at[0] - start)
    return 1


cdef inline int read_value(CStep* step, const uint8_t** at, const uint8_t* end, const uint8_t* base, const uint8_t* limit, int64_t now, int64_t* out) noexcept nogil:
    """Read one field; 0 when it is not ordinary."""
    cdef int64_t value
    cdef double number
    if step.null_branch >= 0:
        if not read_varint(at, end, &value) or value < 0 or value > 1:
            return 0
        if value == step.null_branch:
            out[0] = NULL_VALUE
            return 1
    if step.op == STRING or step.op == BYTES:
        return read_string(step, at, end, base, limit, out)
    if step.op == LONG or step.op == ENUM:
        if not read_varint(at, end, &value):
            return 0
        if step.op == ENUM:
            if value < 0 or value >= step.n_symbols:
                return 0
            value = step.symbols[value]
            if value < 0 and step.check != NONE:
                return 0
        elif step.check == INSTANT:
            if value < step.low or value > now + <int64_t>step.high:
                return 0
        elif step.check == RANGE:
            if value < step.low or value > step.high:
                return 0
        if value == NULL_VALUE:
            return 0
        out[0] = value
        return 1
    if step.op == BOOLEAN:
        if at[0] >= end or at[0][0] > 1:
            return 0
        out[0] = at[0][0]
        at[0] += 1
        return 1
    if step.op == DOUBLE:
        if end - at[0] < 8:
            return 0
        memcpy(&number, at[0], 8)
        at[0] += 8
        if number != number:
            return 0
        if step.check == RANGE and not (step.low <= number <= step.high):
            return 0
        number += 0.0  # -0.0 would look like null
        memcpy(out, &number, 8)
        return 1
    if step.op == LONGS:
        return read_longs(at, end, base, out)
    if step.op == DESIGN:
        return read_design(at, end, base, limit, out)
    return 0


cdef inline int decode_value(CompiledPlan plan, const uint8_t* p, const uint8_t* end, const uint8_t* base, const uint8_t* limit, int64_t now, int64_t* slots, int64_t stride) noexcept nogil:
    """Decode one message's fields behind its frame into a column of slots."""
    cdef int i
    cdef int64_t value
    for i in range(plan.n_steps):
        if not read_value(&plan.steps[i], &p, end, base, limit, now, &value):
            return 0
        if plan.steps[i].slot >= 0:
            slots[plan.steps[i].slot * stride] = value
    if p != end:
        return 0
    for i in range(plan.n_missing):
        slots[plan.missing[i] * stride] = NULL_VALUE
    return 1


cdef inline int equals_key(const uint8_t* base, int64_t key, int64_t value) noexcept nogil:
    if key == NULL_VALUE or value == NULL_VALUE:
        return 0
    if (key & MAX_LENGTH) != (value & MAX_LENGTH):
        return 0
    return memcmp(base + (key >> LENGTH_BITS), base + (value >> LENGTH_BITS), key & MAX_LENGTH) == 0


cdef inline int read_span(const uint8_t** at, const uint8_t* end, const uint8_t* base, int64_t* out) noexcept nogil:
    """Read the length of a key or value and step over it; -1 is null."""
    cdef int64_t n
    if not read_varint(at, end, &n) or n < -1 or n > end - at[0] or n > MAX_LENGTH:
        return 0
    if n < 0:
        out[0] = NULL_VALUE
        return 1
    out[0] = (at[0] - base) << LENGTH_BITS | n
    at[0] += n
    return 1


cdef inline int read_frame(const uint8_t** at, const uint8_t* end, const uint8_t* base, int64_t* delta, int64_t* key, int64_t* value) noexcept nogil:
    """Read one record of a batch and step to the next; 0 when the framing is broken."""
    cdef int64_t n, timestamp
    cdef const uint8_t* p
    cdef const uint8_t* stop
    if not read_varint(at, end, &n) or n < 1 or n > end - at[0]:
        return 0
    p = at[0] + 1  # attributes: unused
    stop = at[0] + n
    if not read_varint(&p, stop, &timestamp) or not read_varint(&p, stop, delta):
        return 0
    if delta[0] < 0 or delta[0] > 0x7FFFFFFF:
        return 0
    if not read_span(&p, stop, base, key) or not read_span(&p, stop, base, value):
        return 0
    at[0] = stop
    return 1


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
