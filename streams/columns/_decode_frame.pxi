# Records of a batch: where each key and value is.

cdef inline int equals_key(const uint8_t* base, int64_t key, int64_t value) noexcept nogil:
    if key == NULL_VALUE or value == NULL_VALUE:
        return 0
    if (key & LENGTH_MASK) != (value & LENGTH_MASK):
        return 0
    return memcmp(base + (key >> LENGTH_BITS), base + (value >> LENGTH_BITS), key & LENGTH_MASK) == 0


cdef inline int read_span(const uint8_t** at, const uint8_t* end, const uint8_t* base, int64_t* out) noexcept nogil:
    """Read the length of a key or value and step over it; -1 is null."""
    cdef int64_t n
    if not read_varint(at, end, &n) or n < -1 or n > end - at[0] or n > LENGTH_MASK:
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
