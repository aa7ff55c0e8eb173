# Two clocks -> which impression is decided, and which is over.

cdef class Timed(Feedbacks):
    """Impressions with a click window and a time that they are kept."""

    cdef int64_t kept_ms
    cdef int64_t settle_ms
    cdef readonly int64_t newest
    cdef readonly int64_t ticked_at
    cdef readonly int64_t ticked_newest

    def __cinit__(self, int64_t click_ms, int64_t kept_ms, ids):
        self.kept_ms = kept_ms
        self.settle_ms = max(1, click_ms)

    def see(self, int64_t at):
        self.newest = max(self.newest, at)

    cdef int64_t watermark(self, int64_t now) noexcept nogil:
        return min(self.newest, now)

    cdef void wind(self, Entry* entry) noexcept nogil:
        start_timer(&self.wall, &entry.wall, entry.arrived_at + self.settle_ms)
        start_timer(&self.event, &entry.event, entry.at + self.click_ms)

    cdef int decide(self, Entry* entry, listener) except -1:
        if entry.flags & REACTED:
            listener.on_due(str_of(shown_by(entry).key))
        else:
            self.send_none(entry)
        return 0

    cdef bint is_over(self, Entry* entry, int64_t now, int64_t watermark) noexcept nogil:
        if now < entry.arrived_at + self.settle_ms:
            return False
        return now >= entry.arrived_at + self.kept_ms or watermark >= entry.at + self.kept_ms

    cdef int end(self, Entry* entry, listener) except -1:
        cdef bint had_reactions = entry.flags & REACTED != 0
        key = str_of(shown_by(entry).key) if had_reactions else None
        self.remove_entry(entry)
        if had_reactions:
            listener.on_end(key)
        return 0

    def tick(self, int64_t now, listener):
        cdef Entry* entry
        cdef Link* link
        cdef int64_t watermark = self.watermark(now)
        self.ticked_at, self.ticked_newest = now, self.newest
        while True:
            link = next_due(&self.wall, now)
            if link == NULL:
                break
            entry = <Entry*>link
            if not entry.flags & SENT:
                self.decide(entry, listener)
            if self.is_over(entry, now, watermark):
                self.end(entry, listener)
            else:
                start_timer(&self.wall, &entry.wall, entry.arrived_at + self.kept_ms)
                start_timer(&self.event, &entry.event, entry.at + self.kept_ms)
        while True:
            link = next_due(&self.event, watermark)
            if link == NULL:
                break
            entry = <Entry*>(<uint8_t*>link - sizeof(Link))
            if not entry.flags & SENT and not self.waits(entry):
                self.decide(entry, listener)
            if self.is_over(entry, now, watermark):
                self.end(entry, listener)

    def know(self, creative_id, known_creative, int64_t now, listener):
        cdef Creative* creative = self.creative_of(text_of(creative_id))
        category, receipt = receipt_avro(known_creative)
        cdef bytes known = category + receipt
        cdef Link* link = creative.unsent
        cdef Link* following
        cdef Entry* entry
        free(creative.known)
        creative.known = <uint8_t*>malloc(len(known))
        if creative.known == NULL:
            raise MemoryError
        memcpy(creative.known, PyBytes_AS_STRING(known), len(known))
        creative.n_known, creative.n_category = len(known), len(category)
        if listener is None:
            return
        while link != NULL:
            following = link.next
            entry = <Entry*>(<uint8_t*>link - 2 * sizeof(Link))
            if entry.flags & REACTED or self.watermark(now) >= entry.at + self.click_ms:
                self.decide(entry, listener)
            link = following
