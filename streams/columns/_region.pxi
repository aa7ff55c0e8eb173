# Memory that grows where it is: rows and ids of people.

cdef uint64_t HUGE = 2 << 20

cdef class Region:
    """Bytes that grow in place: address space is reserved, memory comes when touched.

    A table that is copied to grow needs itself twice, leaves holes in the heap, and
    loses its huge pages, which a move splits. Here nothing moves, room that is not used
    yet takes no memory, and what is in use the kernel may put into huge pages. Where
    address space is refused (`ulimit -v`), bytes move: then nobody may look at them
    meanwhile.

    Args:
        most: bytes that it may grow to.
    """

    cdef uint8_t* base
    cdef uint64_t size
    cdef uint64_t opened
    cdef uint64_t most
    cdef int is_fixed
    cdef int n_views

    def __cinit__(self, uint64_t most):
        self.most = (most + HUGE - 1) // HUGE * HUGE
        self.base = <uint8_t*>map_space(self.most, 0)
        self.is_fixed = self.base != NULL

    def __dealloc__(self):
        if self.is_fixed:
            unmap_space(self.base, self.most)
        else:
            free(self.base)

    def __len__(self):
        return self.size

    cpdef int grow(self, uint64_t size) except -1:
        """Be `size` bytes long; what is new is zero."""
        cdef uint64_t opened = size
        if size <= self.size:
            return 0
        if size > self.most:
            raise MemoryError(f"{size} bytes of one partition: expected at most {self.most}")
        if size > self.opened:
            opened += -opened % (HUGE if size > HUGE else 65536)
            if self.is_fixed:
                if not open_space(self.base, self.opened, opened):
                    raise MemoryError
                huge_pages(self.base, self.size // HUGE * HUGE)
            else:
                self.move(opened)
            self.opened = opened
        self.size = size
        return 0

    cdef int move(self, uint64_t size) except -1:
        cdef uint8_t* moved
        if self.n_views:
            raise BufferError("rows are looked at while they have to move")
        moved = <uint8_t*>realloc(self.base, size)
        if moved == NULL:
            raise MemoryError
        memset(moved + self.opened, 0, size - self.opened)
        self.base = moved
        return 0

    def __getbuffer__(self, Py_buffer* view, int flags):
        PyBuffer_FillInfo(view, self, self.base, self.size, 0, flags)
        self.n_views += 1

    def __releasebuffer__(self, Py_buffer* view):
        self.n_views -= 1
