# Preference vectors: sums, distances, and where they lie.

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    /* Eight sums side by side, added up in the order in which numpy adds them. */
    static inline float sum_of(const float *x, int n) {
        float r[8] = {0, 0, 0, 0, 0, 0, 0, 0}, s = 0;
        int i = 0, k;
        for (; i + 8 <= n; i += 8)
            for (k = 0; k < 8; k++) r[k] += x[i + k];
        s = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
        for (; i < n; i++) s += x[i];
        return s;
    }
    static inline float dot_of(const float *x, const float *y, int n) {
        float r[8] = {0, 0, 0, 0, 0, 0, 0, 0}, s = 0;
        int i = 0, k;
        for (; i + 8 <= n; i += 8)
            for (k = 0; k < 8; k++) r[k] += x[i + k] * y[i + k];
        s = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
        for (; i < n; i++) s += x[i] * y[i];
        return s;
    }
    static inline int all_finite(const float *x, int n) {
        uint32_t bits, bad = 0;
        int i;
        for (i = 0; i < n; i++) {
            memcpy(&bits, x + i, 4);
            bad |= (bits & 0x7f800000u) == 0x7f800000u;
        }
        return !bad;
    }
    """

cdef enum:
    MAX_LIVES = 16

cdef extern from *:
    """
    #include <math.h>
    /* Weights [lives, n] -> one preference vector, as schemas.preference_vector.mixed does; 0
       when a weight is not finite. */
    static int mix(const uint8_t *weights, int lives, int n, float *scratch, float *out,
                   float *liked) {
        int life, i, present = 0;
        float total = 0;
        memset(out, 0, 4 * (size_t)n);
        for (life = 0; life < lives; life++) {
            memcpy(scratch, weights + 4 * (size_t)life * n, 4 * (size_t)n);
            if (!all_finite(scratch, n)) return 0;
            for (i = 0; i < n; i++) scratch[i] = scratch[i] > 0 ? scratch[i] : 0;
            total = sum_of(scratch, n);
            if (total > 0) {
                present++;
                for (i = 0; i < n; i++) out[i] += scratch[i] / total;
            }
        }
        if (present > 1)
            for (i = 0; i < n; i++) out[i] /= (float)present;
        for (i = 0; i < n; i++) out[i] *= total;
        *liked = total;
        return 1;
    }
    static inline double distance_of(const float *x, const float *y, int n) {
        double xx = dot_of(x, x, n), yy = dot_of(y, y, n), apart;
        if (xx == 0 || yy == 0) return xx == yy ? 0.0 : 1.0;
        apart = 1.0 - dot_of(x, y, n) / sqrt(xx * yy);
        return apart > 0 ? apart : 0;
    }
    """
    int mix_weights "mix"(const uint8_t*, int, int, float*, float*, float*) noexcept nogil
    double distance_of(const float*, const float*, int) noexcept nogil


cdef class VectorPool:
    """Float vectors of one length, by number; 0 is none. Rows stay small, and only
    snapshots in use take memory."""

    cdef float* vectors
    cdef readonly int n_categories
    cdef int64_t n_taken
    cdef int64_t capacity
    cdef list free_numbers
    cdef bint is_marked  # by the digest of a vocabulary, else it is the bundled one
    cdef uint8_t mark[MARK_BYTES]

    def __cinit__(self, int n_categories, bytes mark=b""):
        if not 1 <= n_categories <= 65_535:
            raise ValueError(f"expected 1 to 65535 categories, got {n_categories}")
        if len(mark) not in (0, MARK_BYTES):
            raise ValueError(f"expected a mark of {MARK_BYTES} bytes, got {len(mark)}")
        self.is_marked = len(mark) > 0
        if mark:
            memcpy(self.mark, <const uint8_t*><const char*>mark, MARK_BYTES)
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

    cdef int give(self, int64_t number) except -1:
        """Take a number back; 0 is none."""
        if number:
            self.free_numbers.append(number)
        return 0

    cdef object read(self, int64_t number):
        """Return a copy of a vector; None for 0."""
        if number == 0:
            return None
        found = np.empty(self.n_categories, np.float32)
        cdef float[::1] out = found
        memcpy(&out[0], self.at(number), 4 * <size_t>self.n_categories)
        return found

    cdef int64_t written(self, int64_t number, object vector) except -1:
        """Keep a vector under a number, a new one for 0; None frees it, as do other lengths."""
        cdef const float[::1] content
        if vector is None or len(vector) != self.n_categories:
            self.give(number)
            return 0
        content = vector
        number = number or self.take_number()
        memcpy(self.at(number), &content[0], 4 * <size_t>self.n_categories)
        return number
