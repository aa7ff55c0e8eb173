# Vectors by number: the compiled twin of request/vectors.py.

cdef class VectorPool:
    """Float vectors of one length; number 0 is none."""

    cdef float* vectors
    cdef readonly int n_categories
    cdef int64_t n_taken
    cdef int64_t capacity
    cdef list free_numbers

    def __cinit__(self, int n_categories):
        if not 1 <= n_categories <= 65_535:
            raise ValueError(f"expected 1 to 65535 categories, got {n_categories}")
        self.n_categories = n_categories
        self.n_taken = 1
        self.capacity = 256
        self.vectors = <float*>calloc(self.capacity * n_categories, 4)
        self.free_numbers = []
        if self.vectors == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.vectors)

    cdef inline float* at(self, int64_t number) noexcept nogil:
        return self.vectors + number * self.n_categories

    cdef int64_t take_number(self) except -1:
        cdef int64_t grown
        cdef float* moved
        if self.free_numbers:
            return self.free_numbers.pop()
        if self.n_taken == self.capacity:
            grown = self.capacity + self.capacity // 16 + 256
            if grown > 0xFFFFFFFF:
                raise MemoryError("more than 2**32 vectors in one partition")
            moved = <float*>realloc(self.vectors, grown * self.n_categories * 4)
            if moved == NULL:
                raise MemoryError
            self.vectors = moved
            self.capacity = grown
        self.n_taken += 1
        return self.n_taken - 1

    def take(self):
        """Return the number of a vector that is nobody's."""
        return self.take_number()

    def give(self, int64_t number):
        """Take a number back; 0 is none."""
        if number:
            self.free_numbers.append(number)

    def read(self, int64_t number):
        """Return a copy of a vector."""
        self.check(number)
        found = np.empty(self.n_categories, np.float32)
        cdef float[::1] out = found
        memcpy(&out[0], self.at(number), 4 * <size_t>self.n_categories)
        return found

    def write(self, int64_t number, const float[::1] vector):
        """Set a vector."""
        self.check(number)
        if vector.shape[0] != self.n_categories:
            raise ValueError(f"expected {self.n_categories} floats, got {vector.shape[0]}")
        memcpy(self.at(number), &vector[0], 4 * <size_t>self.n_categories)

    cdef int check(self, int64_t number) except -1:
        if not 1 <= number < self.n_taken:
            raise IndexError(f"no vector {number}")
        return 0
