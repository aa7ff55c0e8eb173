# Which event ids came lately.

cdef class Window:
    """Which event ids came lately: the last `size` to 2 * `size` of them."""

    cdef uint64_t* now
    cdef uint64_t* before
    cdef uint64_t now_mask
    cdef uint64_t before_mask
    cdef int64_t n_now
    cdef int64_t n_before
    cdef int64_t size

    def __cinit__(self, int64_t size):
        if size < 1:
            raise ValueError(f"expected a window of 1 event or more, got {size}")
        self.size = size
        self.now_mask = self.before_mask = 1023
        self.now = <uint64_t*>new_table(1024 * 8)
        self.before = <uint64_t*>new_table(1024 * 8)
        if self.now == NULL or self.before == NULL:
            raise MemoryError

    def __dealloc__(self):
        free_table(self.now, (self.now_mask + 1) * 8)
        free_table(self.before, (self.before_mask + 1) * 8)

    def __len__(self):
        return self.n_now + self.n_before

    cdef void prefetch(self, uint64_t h) noexcept nogil:
        PREFETCH(self.now + (h & self.now_mask))
        PREFETCH(self.before + (h & self.before_mask))

    cdef int see(self, uint64_t h) noexcept nogil:
        """Return 1 for a new id, 0 for one in the window; -1 without memory."""
        cdef uint64_t slot
        if h == 0:
            h = 1
        slot = h & self.before_mask
        while self.before[slot]:
            if self.before[slot] == h:
                return 0
            slot = (slot + 1) & self.before_mask
        slot = h & self.now_mask
        while self.now[slot]:
            if self.now[slot] == h:
                return 0
            slot = (slot + 1) & self.now_mask
        self.now[slot] = h
        self.n_now += 1
        if self.n_now >= self.size:
            return self.turn()
        if self.n_now * 2 > <int64_t>self.now_mask:
            return self.grow()
        return 1

    cdef int turn(self) noexcept nogil:
        """Forget the older half; what is new becomes the older half."""
        self.before, self.now = self.now, self.before
        self.before_mask, self.now_mask = self.now_mask, self.before_mask
        self.n_before, self.n_now = self.n_now, 0
        if self.now_mask == self.before_mask:
            memset(self.now, 0, (self.now_mask + 1) * 8)  # fresh memory costs faults
            return 1
        free_table(self.now, (self.now_mask + 1) * 8)
        self.now_mask = self.before_mask
        self.now = <uint64_t*>new_table((self.now_mask + 1) * 8)
        return -1 if self.now == NULL else 1

    cdef int grow(self) noexcept nogil:
        cdef uint64_t* old = self.now
        cdef uint64_t size = self.now_mask + 1, i, slot
        cdef uint64_t* grown = <uint64_t*>new_table(size * 16)
        if grown == NULL:
            return -1
        self.now_mask = size * 2 - 1
        for i in range(size):
            if old[i]:
                slot = old[i] & self.now_mask
                while grown[slot]:
                    slot = (slot + 1) & self.now_mask
                grown[slot] = old[i]
        self.now = grown
        free_table(old, size * 8)
        return 1

    def is_new(self, bytes key):
        """See one id, whatever it is made of; return whether it is new."""
        cdef int seen = self.see(hash_bytes(<const uint8_t*><const char*>key, len(key), 0))
        if seen < 0:
            raise MemoryError
        return bool(seen)

    def add(self, const uint64_t[::1] hashes):
        """See ids one after the other; return which of them are new [n]."""
        cdef int64_t i, n = hashes.shape[0]
        cdef int seen
        fresh = np.empty(n, np.bool_)
        cdef uint8_t[::1] flags = fresh.view(np.uint8)
        while min(self.n_now + n, self.size) * 2 > <int64_t>self.now_mask:
            if self.grow() < 0:
                raise MemoryError
        with nogil:
            for i in range(n):
                if i + AHEAD < n:
                    self.prefetch(hashes[i + AHEAD])
                seen = self.see(hashes[i])
                if seen < 0:
                    with gil:
                        raise MemoryError
                flags[i] = seen
        return fresh

    def ids(self):
        """Return the ids, the older half first: `add` takes them back."""
        cdef int64_t n = 0
        cdef uint64_t i
        found = np.empty(self.n_now + self.n_before, np.uint64)
        cdef uint64_t[::1] out = found
        for i in range(self.before_mask + 1):
            if self.before[i]:
                out[n] = self.before[i]
                n += 1
        for i in range(self.now_mask + 1):
            if self.now[i]:
                out[n] = self.now[i]
                n += 1
        return found
