# Memory that records sections are written to, one after the other.

cdef uint64_t BLOCK_BYTES = 4 << 20

cdef class Blocks:
    """Blocks of memory that are used again once nobody looks at what was in them.

    Fresh memory costs a page fault for each 4 KiB, more than writing it. So a checkpoint
    gets the blocks of the one before; those that one did not need are given back, so
    that no peak stays.
    """

    cdef list used  # since the last turn
    cdef list spare  # used before it
    cdef Region block
    cdef uint8_t* start  # of the section that is being written
    cdef uint8_t* out
    cdef uint8_t* end

    def __cinit__(self):
        self.used = []
        self.spare = []
        self.start = self.out = self.end = NULL

    def __len__(self):
        """Return how many bytes are held."""
        return sum(len(block) for block in {*self.used, *self.spare})

    def turn(self):
        """Begin a checkpoint: give back what the last one did not need."""
        self.spare = self.used
        self.used = []
        self.block = None
        self.start = self.out = self.end = NULL

    cdef inline int64_t left(self) noexcept nogil:
        return self.end - self.out

    cdef inline int64_t n_open(self) noexcept nogil:
        """Return the bytes of the section that is being written."""
        return self.out - self.start

    cdef object taken(self):
        """Return the section that was being written, and begin another."""
        cdef int64_t first = self.start - self.block.base
        cdef int64_t last = self.out - self.block.base
        self.start = self.out
        return memoryview(self.block)[first:last]

    cdef int make_room(self, int64_t wanted, int64_t least) except -1:
        """Begin a section where `wanted` bytes fit, and `least` at any rate."""
        cdef Region block
        self.start = self.out
        if self.left() >= max(wanted + wanted // 16, least):
            return 0
        for block in self.spare:
            if block.n_views == 0 and block.size >= <uint64_t>least:
                self.spare.remove(block)
                break
        else:
            block = Region(max(BLOCK_BYTES, <uint64_t>max(wanted, least)))
            block.grow(block.most)
        self.used.append(block)
        self.block = block
        self.start = self.out = block.base
        self.end = block.base + block.size
        return 0
