# Creatives by their id: what is known of them, and who waits for it.

cdef class Creatives:
    """Those that are known or of an impression."""

    cdef Creative** creatives
    cdef uint64_t creatives_mask
    cdef int64_t n_creatives
    cdef uint64_t seed

    def __cinit__(self):
        self.seed = int.from_bytes(os.urandom(8), "little")
        self.creatives_mask = 1023
        self.creatives = <Creative**>calloc(1024, sizeof(void*))
        if self.creatives == NULL:
            raise MemoryError

    def __dealloc__(self):
        cdef uint64_t i
        cdef Creative* creative
        for i in range(self.creatives_mask + 1 if self.creatives != NULL else 0):
            while self.creatives[i] != NULL:
                creative = self.creatives[i]
                self.creatives[i] = creative.next
                free(creative.known)
                free(creative)
        free(self.creatives)

    cdef inline uint32_t hashed(self, Text text) noexcept nogil:
        return <uint32_t>(hash_bytes(text.p, text.n, self.seed) >> 32)

    cdef Creative* find_creative(self, Text text, uint32_t h) noexcept nogil:
        cdef Creative* creative = self.creatives[h & self.creatives_mask]
        cdef Text name
        while creative != NULL:
            if creative.hash == h and creative.n_id == text.n:
                name = id_of(creative)
                if memcmp(name.p, text.p, text.n) == 0:
                    return creative
            creative = creative.next
        return NULL

    cdef Creative* creative_of(self, Text text) except NULL:
        """Return the creative with an id; a new one is unknown."""
        cdef uint32_t h = self.hashed(text)
        cdef Creative* creative = self.find_creative(text, h)
        if creative != NULL:
            return creative
        if self.n_creatives > <int64_t>self.creatives_mask:
            self.grow_creatives()
        creative = <Creative*>calloc(1, sizeof(Creative) + text.n)
        if creative == NULL:
            raise MemoryError
        memcpy(<uint8_t*>creative + sizeof(Creative), text.p, text.n)
        creative.hash, creative.n_id = h, <uint16_t>text.n
        creative.is_fallback = text.n >= 8 and memcmp(text.p, b"fallback", 8) == 0
        creative.next = self.creatives[h & self.creatives_mask]
        self.creatives[h & self.creatives_mask] = creative
        self.n_creatives += 1
        return creative

    cdef int grow_creatives(self) except -1:
        cdef uint64_t size = (self.creatives_mask + 1) * 2, i
        cdef Creative* creative
        cdef Creative* following
        cdef Creative** grown = <Creative**>calloc(size, sizeof(void*))
        if grown == NULL:
            raise MemoryError
        for i in range(self.creatives_mask + 1):
            creative = self.creatives[i]
            while creative != NULL:
                following = creative.next
                creative.next = grown[creative.hash & (size - 1)]
                grown[creative.hash & (size - 1)] = creative
                creative = following
        free(self.creatives)
        self.creatives, self.creatives_mask = grown, size - 1
        return 0

    cdef void leave_creative(self, Creative* creative) noexcept nogil:
        """Forget a creative that is unknown and of no impression."""
        cdef Creative** place = &self.creatives[creative.hash & self.creatives_mask]
        if creative.known != NULL or creative.n_impressions:
            return
        while place[0] != creative:
            place = &place[0].next
        place[0] = creative.next
        self.n_creatives -= 1
        free(creative)

    def forget(self, creative_id):
        cdef Text text = text_of(creative_id)
        cdef Creative* creative = self.find_creative(text, self.hashed(text))
        if creative != NULL:
            free(creative.known)
            creative.known = NULL
            self.leave_creative(creative)

    def shows(self, creative_id):
        cdef Text text = text_of(creative_id)
        cdef Creative* creative = self.find_creative(text, self.hashed(text))
        return creative != NULL and creative.n_impressions > 0
