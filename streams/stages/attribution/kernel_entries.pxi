# What is kept of an impression and of a creative, the texts behind each, and numbers.

cdef enum:
    MAX_TEXT = 2048
    NO_TEXT = 0xFFFF
    NO_SURFACE = 255

cdef enum:
    SENT = 1
    ORGANIC = 2
    ROBOT = 4
    KEPT = 7  # flags that are written to the changelog
    REACTED = 8
    BARE = 16  # reactions wait under this id; the impression has not come

cdef struct Creative:
    Creative* next
    Link* unsent  # impressions of it without feedback so far
    uint8_t* known  # category and receipt as Avro; NULL: unknown
    uint32_t n_category
    uint32_t n_known
    uint32_t hash
    uint32_t n_impressions
    uint16_t n_id
    uint8_t is_fallback

cdef struct Entry:
    Link wall  # first: a link's address is its entry's
    Link event
    Link unsent
    Entry* next
    Creative* creative
    int64_t arrived_at
    int64_t at
    uint32_t hash
    uint32_t segment  # segment of the changelog that holds it; 0: none
    uint32_t dirty  # place in the dirty list, from 1; 0: clean
    uint16_t n_key
    uint16_t n_user
    uint16_t n_placement
    uint16_t n_category
    uint16_t n_item
    uint8_t surface
    uint8_t flags

cdef struct Shown:
    Text key
    Text user
    Text creative
    Text placement
    Text category
    Text item
    int64_t at
    int64_t arrived_at
    uint8_t surface
    uint8_t flags


cdef inline Text text_at(const uint8_t* base, int64_t span) noexcept nogil:
    cdef Text text
    if span == NULL_VALUE:
        text.p, text.n = NULL, -1
    else:
        text.p, text.n = base + (span >> LENGTH_BITS), span & LENGTH_MASK
    return text


cdef inline Text text_of(object value) except *:
    cdef Text text
    cdef Py_ssize_t n
    text.p, text.n = NULL, -1
    if value is not None:
        text.p = <const uint8_t*>PyUnicode_AsUTF8AndSize(value, &n)
        text.n = n
    return text


cdef inline object str_of(Text text):
    return None if text.n < 0 else PyUnicode_DecodeUTF8(<const char*>text.p, text.n, NULL)


cdef inline uint8_t* texts_of(Entry* entry) noexcept nogil:
    return <uint8_t*>entry + sizeof(Entry)


cdef inline Text next_text(const uint8_t** at, uint16_t n) noexcept nogil:
    cdef Text text
    text.p, text.n = at[0], (-1 if n == NO_TEXT else n)
    at[0] += max(0, text.n)
    return text


cdef inline Text id_of(Creative* creative) noexcept nogil:
    cdef Text text
    text.p, text.n = NULL, -1
    if creative != NULL:
        text.p, text.n = <const uint8_t*>creative + sizeof(Creative), creative.n_id
    return text


cdef inline Shown shown_by(Entry* entry) noexcept nogil:
    cdef const uint8_t* at = texts_of(entry)
    cdef Shown shown
    shown.key = next_text(&at, entry.n_key)
    shown.user = next_text(&at, entry.n_user)
    shown.creative = id_of(entry.creative)
    shown.placement = next_text(&at, entry.n_placement)
    shown.category = next_text(&at, entry.n_category)
    shown.item = next_text(&at, entry.n_item)
    shown.at, shown.arrived_at = entry.at, entry.arrived_at
    shown.surface, shown.flags = entry.surface, entry.flags
    return shown


# -- numbers that grow in C and leave as an array

cdef struct Vector:
    int64_t* items
    int64_t n
    int64_t size


cdef inline int push(Vector* vector, int64_t item) except -1:
    cdef int64_t size
    cdef int64_t* grown
    if vector.n == vector.size:
        size = vector.size * 2 if vector.size else 256
        grown = <int64_t*>realloc(vector.items, size * 8)
        if grown == NULL:
            raise MemoryError
        vector.items, vector.size = grown, size
    vector.items[vector.n] = item
    vector.n += 1
    return 0


cdef inline object taken(Vector* vector):
    """Return a vector's numbers [n] and empty it."""
    numbers = np.empty(vector.n, np.int64)
    cdef int64_t[::1] out = numbers
    if vector.n:
        memcpy(&out[0], vector.items, vector.n * 8)
    vector.n = 0
    return numbers
