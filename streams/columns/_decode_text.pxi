# Bytes -> whether they are text, printable, a pseudonym: as printable.py has it.

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
