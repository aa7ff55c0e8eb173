# Impressions -> Feedback records, as Avro, in one run of bytes.

cdef class Feedbacks(Table):
    """What is to be sent."""

    cdef Vector keys
    cdef Vector values
    cdef uint8_t* out
    cdef int64_t n_out
    cdef int64_t out_size
    cdef int64_t click_ms
    cdef bytes frame

    def __cinit__(self, int64_t click_ms, int64_t kept_ms, ids):
        self.click_ms = click_ms
        self.frame = b"\0" + ids.id_of(Feedback).to_bytes(4, "big")

    def __dealloc__(self):
        free(self.out)
        free(self.keys.items)
        free(self.values.items)

    def send(self, key, judgement):
        cdef Entry* entry = self.entry_of(key)
        value, outcome = judgement.value, judgement.outcome
        if entry == NULL or entry.flags & BARE:
            raise KeyError(key)
        self.write(
            entry,
            judgement.revision,
            OUTCOMES.index(outcome),
            REWARDS[outcome],
            value is not None,
            0.0 if value is None else value,
            judgement.valid,
            judgement.decided_at,
        )

    cdef int send_none(self, Entry* entry) except -1:
        return self.write(entry, 0, 0, 0.0, False, 0.0, not entry.flags & ROBOT, entry.at + self.click_ms)

    cdef int write(self, Entry* entry, int64_t revision, int outcome, double reward, bint has_value, double value, bint valid, int64_t decided_at) except -1:
        cdef Shown shown = shown_by(entry)
        cdef Creative* creative = entry.creative
        cdef bint is_known = creative != NULL and creative.known != NULL
        cdef int64_t room, start = self.n_out, user
        cdef uint8_t* to
        cdef Text arm
        if not entry.flags & SENT:
            entry.flags |= SENT if is_known else SENT | ORGANIC
            if entry.unsent.back != NULL:
                cut_link(&entry.unsent)
            self.mark_dirty(entry)
        is_known = is_known and not entry.flags & ORGANIC
        room = 256 + shown.key.n + shown.user.n + max(0, shown.creative.n) + max(0, shown.placement.n)
        room += max(0, shown.category.n) + max(0, shown.item.n) + (creative.n_known if is_known else 0)
        self.reserve(room)
        to = put_bytes(self.out + start, <const uint8_t*>PyBytes_AS_STRING(self.frame), 5)
        to = put_feedback_id(to, shown.key, revision)
        to = put_text(to, shown.key)
        to = put_long(to, revision)
        to = put_text(to, shown.user)
        user = to - self.out - shown.user.n
        to = put_double(put_long(to, outcome), reward)
        to[0] = 2 if has_value else 0
        to = put_double(to + 1, value) if has_value else to + 1
        to[0] = valid
        to = put_long(put_long(to + 1, shown.at), decided_at)
        to[0] = 2 if outcome else 0
        to = put_long(to + 1, max(0, decided_at - shown.at)) if outcome else to + 1
        to = put_optional(put_optional(to, shown.creative), shown.placement)
        to[0] = 0 if shown.surface == NO_SURFACE else 2
        to = to + 1 if shown.surface == NO_SURFACE else put_long(to + 1, shown.surface)
        if is_known:
            to = put_bytes(to, creative.known, creative.n_category)
            to = put_optional(to, shown.item)
            to = put_bytes(to, creative.known + creative.n_category, creative.n_known - creative.n_category)
        else:
            arm.p, arm.n = b"organic", 7
            if creative != NULL and creative.is_fallback:
                arm.p, arm.n = b"fallback", 8
            to = put_text(put_optional(put_optional(to, shown.category), shown.item), arm)
            to = put_bytes(to, b"\0\0\0\0\0", 5)
        push(&self.keys, user << LENGTH_BITS | shown.user.n)
        self.n_out = to - self.out
        push(&self.values, start << LENGTH_BITS | (self.n_out - start))
        return 0

    cdef int reserve(self, int64_t room) except -1:
        cdef uint8_t* grown
        cdef int64_t size
        if self.n_out + room > self.out_size:
            size = (self.n_out + room) * 2 + 65536
            grown = <uint8_t*>realloc(self.out, size)
            if grown == NULL:
                raise MemoryError
            self.out, self.out_size = grown, size
        return 0

    def take_out(self):
        if not self.n_out:
            return []
        content = PyBytes_FromStringAndSize(<char*>self.out, self.n_out)
        self.n_out = 0
        if self.out_size > 1 << 24:
            free(self.out)
            self.out, self.out_size = NULL, 0
        return [Encoded(Feedback, content, taken(&self.keys), taken(&self.values))]
