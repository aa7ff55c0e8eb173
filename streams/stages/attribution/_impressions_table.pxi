# Impressions by their id, with what hangs on each: timers, creative, changelog.

cdef class Table(Creatives):
    """Impressions, and bare ids under which reactions wait."""

    cdef Entry** entries
    cdef uint64_t entries_mask
    cdef int64_t n_entries
    cdef Wheel wall
    cdef Wheel event
    cdef Vector dirty
    cdef Vector released
    cdef readonly int64_t n_shown

    def __cinit__(self):
        self.entries_mask = 1023
        self.entries = <Entry**>calloc(1024, sizeof(void*))
        if self.entries == NULL:
            raise MemoryError

    def __dealloc__(self):
        cdef uint64_t i
        cdef Entry* entry
        for i in range(self.entries_mask + 1 if self.entries != NULL else 0):
            while self.entries[i] != NULL:
                entry = self.entries[i]
                self.entries[i] = entry.next
                free(entry)
        free(self.entries)
        free(self.dirty.items)
        free(self.released.items)

    def __len__(self):
        return self.n_shown

    cdef Entry* find_entry(self, Text key, uint32_t h) noexcept nogil:
        cdef Entry* entry = self.entries[h & self.entries_mask]
        while entry != NULL:
            if entry.hash == h and entry.n_key == key.n and memcmp(texts_of(entry), key.p, key.n) == 0:
                return entry
            entry = entry.next
        return NULL

    cdef Entry* entry_of(self, object key) except? NULL:
        cdef Text text = text_of(key)
        return self.find_entry(text, self.hashed(text))

    cdef int grow_entries(self) except -1:
        cdef uint64_t size = (self.entries_mask + 1) * 2, i
        cdef Entry* entry
        cdef Entry* following
        cdef Entry** grown = <Entry**>calloc(size, sizeof(void*))
        if grown == NULL:
            raise MemoryError
        for i in range(self.entries_mask + 1):
            entry = self.entries[i]
            while entry != NULL:
                following = entry.next
                entry.next = grown[entry.hash & (size - 1)]
                grown[entry.hash & (size - 1)] = entry
                entry = following
        free(self.entries)
        self.entries, self.entries_mask = grown, size - 1
        return 0

    cdef Entry* add_entry(self, Shown* shown, uint32_t h) except NULL:
        """Give an impression, or a bare id, its place; the timers are the caller's."""
        cdef Text[5] texts
        cdef int64_t n = sizeof(Entry)
        cdef Entry* entry
        cdef uint8_t* at
        cdef int i
        texts[0], texts[1], texts[2], texts[3], texts[4] = shown.key, shown.user, shown.placement, shown.category, shown.item
        for i in range(5):
            if texts[i].n > MAX_TEXT or shown.creative.n > MAX_TEXT:
                raise ValueError(f"expected ids and names of at most {MAX_TEXT} bytes")
            n += max(0, texts[i].n)
        if self.n_entries > <int64_t>self.entries_mask:
            self.grow_entries()
        entry = <Entry*>calloc(1, n)
        if entry == NULL:
            raise MemoryError
        entry.n_key, entry.n_user = <uint16_t>shown.key.n, <uint16_t>shown.user.n
        entry.n_placement = NO_TEXT if shown.placement.n < 0 else <uint16_t>shown.placement.n
        entry.n_category = NO_TEXT if shown.category.n < 0 else <uint16_t>shown.category.n
        entry.n_item = NO_TEXT if shown.item.n < 0 else <uint16_t>shown.item.n
        at = texts_of(entry)
        for i in range(5):
            if texts[i].n > 0:
                at = put_bytes(at, texts[i].p, texts[i].n)
        entry.at, entry.arrived_at, entry.hash = shown.at, shown.arrived_at, h
        entry.surface, entry.flags = shown.surface, shown.flags
        entry.next = self.entries[h & self.entries_mask]
        self.entries[h & self.entries_mask] = entry
        self.n_entries += 1
        if not entry.flags & BARE:
            self.n_shown += 1
        if shown.creative.n >= 0:
            entry.creative = self.creative_of(shown.creative)
            entry.creative.n_impressions += 1
            if not entry.flags & SENT:
                push_link(&entry.creative.unsent, &entry.unsent)
        return entry

    cdef int remove_entry(self, Entry* entry) except -1:
        cdef Entry** place = &self.entries[entry.hash & self.entries_mask]
        while place[0] != entry:
            place = &place[0].next
        place[0] = entry.next
        self.n_entries -= 1
        if not entry.flags & BARE:
            self.n_shown -= 1
        stop_timer(&self.wall, &entry.wall)
        stop_timer(&self.event, &entry.event)
        if entry.unsent.back != NULL:
            cut_link(&entry.unsent)
        if entry.creative != NULL:
            entry.creative.n_impressions -= 1
            self.leave_creative(entry.creative)
        if entry.dirty:
            self.dirty.items[entry.dirty - 1] = 0
        if entry.segment:
            push(&self.released, entry.segment)
        free(entry)
        return 0

    cdef int mark_dirty(self, Entry* entry) except -1:
        if not entry.dirty:
            push(&self.dirty, <int64_t><size_t>entry)
            entry.dirty = <uint32_t>self.dirty.n
        return 0

    cdef bint waits(self, Entry* entry) noexcept nogil:
        """Return whether its creative is still to come."""
        return entry.creative != NULL and entry.creative.known == NULL and not entry.creative.is_fallback

    def react(self, key):
        cdef Shown shown
        cdef Entry* entry = self.entry_of(key)
        if entry != NULL:
            entry.flags |= REACTED
            return
        shown.key = text_of(key)
        shown.user.n = shown.creative.n = shown.placement.n = shown.category.n = shown.item.n = -1
        shown.at = shown.arrived_at = 0
        shown.surface, shown.flags = NO_SURFACE, BARE | REACTED
        self.add_entry(&shown, self.hashed(shown.key))

    def unreact(self, key):
        cdef Entry* entry = self.entry_of(key)
        if entry == NULL:
            return
        if entry.flags & BARE:
            self.remove_entry(entry)
        else:
            entry.flags &= ~REACTED
