# Impressions <-> segments of the changelog.

cdef enum:
    HEAD_BYTES = 30

cdef inline uint8_t* put_number(uint8_t* to, uint64_t number, int n_bytes) noexcept nogil:
    memcpy(to, &number, n_bytes)
    return to + n_bytes


cdef uint8_t* put_entry(uint8_t* to, Shown* shown) noexcept nogil:
    """Write an impression as `impression.ENTRY` says, little-endian."""
    cdef Text[6] texts
    cdef int i
    texts[0], texts[1], texts[2] = shown.key, shown.user, shown.creative
    texts[3], texts[4], texts[5] = shown.placement, shown.category, shown.item
    to = put_number(put_number(to, shown.arrived_at, 8), shown.at, 8)
    to = put_number(put_number(to, shown.flags & KEPT, 1), shown.surface, 1)
    for i in range(6):
        to = put_number(to, NO_TEXT if texts[i].n < 0 else texts[i].n, 2)
    for i in range(6):
        if texts[i].n > 0:
            to = put_bytes(to, texts[i].p, texts[i].n)
    return to


cdef bint read_entry(const uint8_t** at, const uint8_t* end, Shown* shown) noexcept nogil:
    """Read what `put_entry` wrote; False when it is cut off."""
    cdef uint16_t lengths[6]
    cdef const uint8_t* p = at[0]
    cdef int64_t n = HEAD_BYTES
    cdef int i
    if end - p < n:
        return False
    memcpy(&shown.arrived_at, p, 8)
    memcpy(&shown.at, p + 8, 8)
    shown.flags, shown.surface = p[16] & KEPT, p[17]
    memcpy(lengths, p + 18, 12)
    for i in range(6):
        n += 0 if lengths[i] == NO_TEXT else lengths[i]
    if end - p < n or lengths[0] == NO_TEXT or lengths[1] == NO_TEXT:
        return False
    p += HEAD_BYTES
    shown.key, shown.user = next_text(&p, lengths[0]), next_text(&p, lengths[1])
    shown.creative, shown.placement = next_text(&p, lengths[2]), next_text(&p, lengths[3])
    shown.category, shown.item = next_text(&p, lengths[4]), next_text(&p, lengths[5])
    at[0] = p
    return True


cdef class Logged(Folded):
    """Impressions that outlive their process."""

    def take_dirty(self, uint32_t first_segment, int64_t max_bytes):
        cdef int64_t i, room, n = 0
        cdef Entry* entry
        cdef Shown shown
        cdef uint8_t* to
        cdef uint8_t* limit
        cdef uint8_t* content = <uint8_t*>malloc(max_bytes + 8 * MAX_TEXT)
        if content == NULL:
            raise MemoryError
        segments = []
        to, limit = content, content + max_bytes
        try:
            for i in range(self.dirty.n):
                entry = <Entry*><size_t>self.dirty.items[i]
                if entry == NULL:
                    continue
                if entry.segment:
                    push(&self.released, entry.segment)
                entry.segment = first_segment + <uint32_t>len(segments)
                entry.dirty = 0
                shown = shown_by(entry)
                to = put_entry(to, &shown)
                n += 1
                if to >= limit:
                    segments.append((PyBytes_FromStringAndSize(<char*>content, to - content), n))
                    to, n = content, 0
            if n:
                segments.append((PyBytes_FromStringAndSize(<char*>content, to - content), n))
        finally:
            free(content)
        self.dirty.n = 0
        return segments

    def take_released(self):
        return taken(&self.released)

    def restore(self, const uint8_t[::1] content, uint32_t segment):
        cdef const uint8_t* at = &content[0] if content.shape[0] else NULL
        cdef const uint8_t* end = at + content.shape[0]
        cdef Shown shown
        cdef Entry* entry
        cdef uint32_t h
        cdef int64_t n = 0
        while at < end:
            if not read_entry(&at, end, &shown):
                raise ValueError(f"segment {segment} is cut off after {n} impressions")
            h = self.hashed(shown.key)
            entry = self.find_entry(shown.key, h)
            if entry != NULL:
                shown.flags |= entry.flags & REACTED
                self.remove_entry(entry)
            entry = self.add_entry(&shown, h)
            entry.segment = segment
            self.wind(entry)
            n += 1
        return n

    def sweep(self, int64_t now, int64_t newest, dead):
        cdef uint64_t i
        cdef Entry* entry
        cdef Entry* following
        self.newest = max(self.newest, newest)
        bereft = []
        for i in range(self.entries_mask + 1):
            entry = self.entries[i]
            while entry != NULL:
                following = entry.next
                if entry.flags & BARE:
                    entry = following
                    continue
                if self.is_over(entry, now, min(newest, now)) or (entry.segment and dead and entry.segment in dead):
                    if entry.flags & REACTED:
                        bereft.append(str_of(shown_by(entry).key))
                    self.remove_entry(entry)
                entry = following
        for key in bereft:
            self.react(key)
