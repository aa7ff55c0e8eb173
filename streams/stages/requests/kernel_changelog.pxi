# Rows <-> records of the changelog: person.encode_person and its like, compiled.

cdef inline uint8_t* put_varint(uint8_t* p, int64_t value) noexcept nogil:
    """Write a zigzag varint; at most 10 bytes."""
    cdef uint64_t bits = (<uint64_t>value << 1) ^ <uint64_t>(value >> 63)
    while bits >= 128:
        p[0] = <uint8_t>(bits & 127) | 128
        bits >>= 7
        p += 1
    p[0] = <uint8_t>bits
    return p + 1


cdef inline int varint_size(int64_t value) noexcept nogil:
    cdef uint64_t bits = (<uint64_t>value << 1) ^ <uint64_t>(value >> 63)
    cdef int size = 1
    while bits >= 128:
        bits >>= 7
        size += 1
    return size


class _OtherRow(Exception):
    """A row of another vocabulary: Python reads it."""


cdef inline uint8_t* put(uint8_t* p, const void* content, int64_t n) noexcept nogil:
    memcpy(p, content, n)
    return p + n


cdef uint8_t* put_row(VectorPool pool, const Row* row, uint8_t* p) noexcept nogil:
    """Write a person; the room has been checked."""
    cdef int64_t wide = 4 * <int64_t>pool.n_categories
    cdef Head head
    cdef Entry entry
    cdef const Spot* place
    cdef int i
    head.version = MARKED_VERSION if pool.is_marked else VERSION
    head.flags = (CONSENT if row.consent else 0) | (CHINESE if row.is_chinese else 0) | (HISTORY if row.has_history else 0) | (VECTOR if row.vector else 0)
    head.n_categories = <uint16_t>pool.n_categories
    head.since = row.since
    head.active_at = row.active_at
    head.n_unclicked = row.n_unclicked
    p = put(p, &head, sizeof(Head))
    if pool.is_marked:
        p = put(p, pool.mark, MARK_BYTES)
    if row.vector:
        p = put(p, pool.at(row.vector), wide)
    for i in range(N_PLACES):
        place = &row.places[i]
        if not place.used:
            continue
        entry.placement = i
        entry.snapshot = NO_SNAPSHOT
        if place.snapshot:
            entry.snapshot = OWN
            if row.vector and memcmp(pool.at(row.vector), pool.at(place.snapshot), wide) == 0:
                entry.snapshot = SAME
        entry.requested_at = place.requested_at
        entry.n_requests = place.n_requests
        entry.unclicked = place.unclicked
        p = put(p, &entry, sizeof(Entry))
        if entry.snapshot == OWN:
            p = put(p, pool.at(place.snapshot), wide)
    return p


cdef inline uint8_t* put_record(uint8_t* out, int64_t number, const uint8_t* key, int64_t n_key, const uint8_t* value, int64_t n_value) noexcept nogil:
    """Write a record of a section: Apache Kafka, "Message format", Record."""
    cdef int64_t n_body = 2 + varint_size(number) + varint_size(n_key) + n_key + varint_size(n_value) + n_value + 1
    out = put_varint(out, n_body)
    out[0] = 0  # attributes
    out[1] = 0  # timestamp delta
    out = put_varint(out + 2, number)
    out = put(put_varint(out, n_key), key, n_key)
    out = put(put_varint(out, n_value), value, n_value)
    out[0] = 0  # headers
    return out + 1


cdef int64_t take_vector(VectorPool pool, const uint8_t** at, const uint8_t* end, bint is_kept, int64_t n_categories) except -1:
    """Read a vector into the pool; return its number, 0 when it is not kept."""
    cdef int64_t number = 0
    if 4 * n_categories > end - at[0]:
        raise ValueError("a person's row is cut off")
    if is_kept:
        number = pool.take_number()
        memcpy(pool.at(number), at[0], 4 * n_categories)
    at[0] += 4 * n_categories
    return number


cdef int take_row(VectorPool pool, Row* row, const uint8_t* p, const uint8_t* end) except -1:
    """Fill an empty row from what `put_row` wrote."""
    cdef Head head
    cdef Entry entry
    cdef Spot* place
    cdef bint is_kept
    if end - p < <int64_t>sizeof(Head):
        raise ValueError("a person's row is cut off")
    memcpy(&head, p, sizeof(Head))
    p += sizeof(Head)
    if head.version > MARKED_VERSION or not head.version:
        raise ValueError(f"a person's row of version {head.version}: expected {MARKED_VERSION} at most; another release wrote it")
    if (head.version == MARKED_VERSION) != pool.is_marked:
        raise _OtherRow
    if pool.is_marked:
        if end - p < MARK_BYTES:
            raise ValueError("a person's row is cut off")
        if memcmp(p, pool.mark, MARK_BYTES):
            raise _OtherRow
        p += MARK_BYTES
    is_kept = head.n_categories == pool.n_categories
    row.since = head.since
    row.active_at = head.active_at
    row.n_unclicked = head.n_unclicked
    row.consent = head.flags & CONSENT != 0
    row.is_chinese = head.flags & CHINESE != 0
    row.has_history = head.flags & HISTORY != 0 and is_kept
    if head.flags & VECTOR:
        row.vector = <uint32_t>take_vector(pool, &p, end, is_kept, head.n_categories)
    while p < end:
        if end - p < <int64_t>sizeof(Entry):
            raise ValueError("a person's row is cut off")
        memcpy(&entry, p, sizeof(Entry))
        p += sizeof(Entry)
        if entry.placement >= n_known_places or entry.snapshot > SAME:
            raise ValueError(f"a person's row with placement {entry.placement}, snapshot {entry.snapshot}: another release wrote it")
        place = &row.places[entry.placement]
        place.used = 1
        place.requested_at = entry.requested_at
        place.n_requests = entry.n_requests
        place.unclicked = entry.unclicked
        if entry.snapshot == OWN:
            place.snapshot = <uint32_t>take_vector(pool, &p, end, is_kept, head.n_categories)
        elif entry.snapshot == SAME and row.vector:
            place.snapshot = <uint32_t>pool.take_number()
            memcpy(pool.at(place.snapshot), pool.at(row.vector), 4 * <size_t>pool.n_categories)
    return 0


cdef inline int read_span(const uint8_t** at, const uint8_t* end, const uint8_t* base, int64_t* out) noexcept nogil:
    """Read the length of a key or value and step over it; -1 is null."""
    cdef int64_t n
    if not read_varint(at, end, &n) or n < -1 or n > end - at[0] or n > LENGTH_MASK:
        return 0
    if n < 0:
        out[0] = NULL_VALUE
        return 1
    out[0] = (at[0] - base) << LENGTH_BITS | n
    at[0] += n
    return 1


cdef object bytes_at(const uint8_t* base, int64_t span):
    """Return what a span points at; None for null."""
    if span == NULL_VALUE:
        return None
    return (base + (span >> LENGTH_BITS))[:span & LENGTH_MASK]


cdef bint read_record(const uint8_t** at, const uint8_t* end, const uint8_t* base, int64_t* delta, int64_t* key, int64_t* value) noexcept nogil:
    """Step over a record of a section; False when it is cut off."""
    cdef int64_t n, ignored
    cdef const uint8_t* p
    cdef const uint8_t* stop
    if not read_varint(at, end, &n) or n < 1 or n > end - at[0]:
        return False
    p, stop = at[0] + 1, at[0] + n
    at[0] = stop
    return read_varint(&p, stop, &ignored) and read_varint(&p, stop, delta) and read_span(&p, stop, base, key) and read_span(&p, stop, base, value)


cdef class Logged(Folded):
    """People who outlive their process."""

    def sections(self, int64_t max_bytes):
        """Return changed rows as records sections (bytes, number of records); call them clean."""
        cdef int64_t most = sizeof(Head) + MARK_BYTES + N_PLACES * sizeof(Entry) + (1 + N_PLACES) * 4 * <int64_t>self.pool.n_categories
        message_array, section_array = np.empty(most, np.uint8), np.empty(max_bytes + most + 66_000, np.uint8)
        cdef uint8_t[::1] message = message_array
        cdef uint8_t[::1] section = section_array
        cdef uint8_t* out = &section[0]
        cdef int64_t number, n_value, n_records = 0
        cdef Row* row
        found = []
        for number in sorted(self.dirty):
            row = self.checked(number)
            if not row.dirty:
                continue  # written, or gone
            row.dirty = 0
            n_value = put_row(self.pool, row, &message[0]) - &message[0]
            out = put_record(out, n_records, self.index.arena + row.key_start, row.key_length, &message[0], n_value)
            n_records += 1
            if out - &section[0] >= max_bytes:
                found.append((section_array[:out - &section[0]].tobytes(), n_records))
                out, n_records = &section[0], 0
        if n_records:
            found.append((section_array[:out - &section[0]].tobytes(), n_records))
        self.dirty = []
        return found

    def restore(self, payload, int64_t from_offset):
        """Put the rows of a payload back, in offset order.

        Returns those of `styles`, (key, row or None), whose keys end in `STYLES_END`;
        None when a row is of another vocabulary: what is in then is not all.
        """
        cdef const uint8_t[::1] content = payload.records
        cdef int64_t delta, key, value, base_offset = payload.base_offset
        cdef const uint8_t* base
        cdef const uint8_t* p
        cdef const uint8_t* at
        styles = []
        if content.shape[0] == 0:
            return styles
        self.reserve(payload.n_records)
        base = at = &content[0]
        for _ in range(payload.n_records):
            if not read_record(&at, base + content.shape[0], base, &delta, &key, &value):
                raise ValueError("a record of the changelog is cut off")
            if key == NULL_VALUE or (key & LENGTH_MASK) > 0xFFFF:
                raise ValueError("a record of the changelog has no user id")
            if base_offset + delta < from_offset:
                continue
            p = base + (key >> LENGTH_BITS)
            if key & LENGTH_MASK and p[(key & LENGTH_MASK) - 1] == STYLES_END:
                styles.append((p[:(key & LENGTH_MASK) - 1], bytes_at(base, value)))
            else:
                try:
                    self.restore_row(base, key, value)
                except _OtherRow:
                    return None
        return styles

    cdef int restore_row(self, const uint8_t* base, int64_t key, int64_t value) except -1:
        """Put one row back, or take it away."""
        cdef const uint8_t* p = base + (key >> LENGTH_BITS)
        cdef int64_t n = key & LENGTH_MASK
        cdef uint64_t h = hash_bytes(p, n, 0)
        cdef uint64_t* place
        cdef int64_t number
        if value == NULL_VALUE:
            self.remove_key(p[:n])
            return 0
        number = self.index.find_hashed(p, n, h, self.table, sizeof(Row), &place)
        if number < 0:
            number = self.index.add_hashed(p, n, h, self.table, sizeof(Row))
        else:
            self.clear(self.row(number))
        p = base + (value >> LENGTH_BITS)
        return take_row(self.pool, self.row(number), p, p + (value & LENGTH_MASK))
