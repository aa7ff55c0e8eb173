# Creatives by their id, then impressions by theirs, with what hangs on each: timers,
# creative, changelog.

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
