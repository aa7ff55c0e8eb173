# Arrays and maps: stepped over, kept as one span.

cdef enum:
    MAX_ENTRIES = 64  # of a map of a design
    MAX_NAME = 128  # admission_checks.MAX_ID_CHARACTERS


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
