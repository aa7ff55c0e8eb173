# A message behind its frame -> slots; what is not ordinary is left to the codec.

cdef inline int read_string(CStep* step, const uint8_t** at, const uint8_t* end, const uint8_t* base, const uint8_t* limit, int64_t* out) noexcept nogil:
    cdef int64_t n
    cdef const uint8_t* p
    if not read_varint(at, end, &n) or n < 0 or n > end - at[0] or n > LENGTH_MASK:
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


cdef inline int read_value(
        CStep* step, const uint8_t** at, const uint8_t* end, const uint8_t* base, const uint8_t* limit, int64_t now,
        int64_t* out
) noexcept nogil:
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


cdef inline int decode_value(
        CompiledPlan plan, const uint8_t* p, const uint8_t* end, const uint8_t* base, const uint8_t* limit, int64_t
        now, int64_t* slots, int64_t stride
) noexcept nogil:
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
