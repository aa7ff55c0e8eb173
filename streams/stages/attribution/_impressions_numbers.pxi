# Numbers that grow in C and leave as an array.

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
