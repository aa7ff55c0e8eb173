# Preference columns -> rows, and the names of those who need a closer look.

cdef enum:
    UNFIT = 0  # weights that do not fit
    KEPT = 1  # folded in, or of nobody who is to be remembered
    FLAGGED = 2  # needs a closer look

cdef struct Said:  # one record, but for its weights' meaning
    const uint8_t* key
    int64_t n_key
    uint64_t hash
    const uint8_t* weights
    int64_t as_of
    uint32_t n_unclicked
    int n_lives  # 0: the weights do not fit
    bint consent
    bint chinese

cdef struct Fields:  # columns of Preference
    const int64_t* users
    const int64_t* times
    const int64_t* lives
    const int64_t* weights
    const int64_t* unclicked
    const int64_t* consents
    const int64_t* languages


cdef inline bint is_inside(int64_t span, int64_t size) noexcept nogil:
    return span >= 0 and (span >> LENGTH_BITS) + (span & LENGTH_MASK) <= size


cdef inline int n_lives_in(const uint8_t* base, int64_t span) noexcept nogil:
    """Return how many half-lives an array of longs holds, or 0 where one is no length."""
    cdef const uint8_t* p = base + (span >> LENGTH_BITS)
    cdef const uint8_t* end = p + (span & LENGTH_MASK)
    cdef int64_t n, value, i
    if not read_varint(&p, end, &n) or not 1 <= n <= MAX_LIVES:
        return 0
    for i in range(n):
        if not read_varint(&p, end, &value) or value <= 0:
            return 0
    return <int>n


cdef inline bint is_chinese(const uint8_t* base, int64_t span) noexcept nogil:
    cdef const uint8_t* p = base + (span >> LENGTH_BITS)
    return span != NULL_VALUE and (span & LENGTH_MASK) >= 2 and (p[0] | 32) == 122 and (p[1] | 32) == 104


cdef inline const int64_t* slot_of(columns, name, int64_t n) except NULL:
    cdef const int64_t[::1] slot = columns.slot(name)
    if slot.shape[0] < n:
        raise IndexError(f"{name}: expected {n} rows, got {slot.shape[0]}")
    return &slot[0]


cdef inline Fields fields_of(columns, int64_t n) except *:
    """Return where the columns are; they live as long as `columns`."""
    cdef Fields fields
    fields.users, fields.times = slot_of(columns, "user_id", n), slot_of(columns, "as_of", n)
    fields.lives, fields.weights = slot_of(columns, "half_lives_s", n), slot_of(columns, "weights", n)
    fields.unclicked, fields.consents = slot_of(columns, "n_unclicked", n), slot_of(columns, "consent", n)
    fields.languages = slot_of(columns, "language", n)
    return fields


cdef inline bint read_said(const Fields* fields, int64_t j, const uint8_t* base, int64_t size, int64_t wide, Said* said) noexcept nogil:
    """Read a row of the columns, all but its user id; False when a span points outside."""
    cdef int64_t weights = fields.weights[j], language = fields.languages[j]
    if not (is_inside(weights, size) and is_inside(fields.lives[j], size)):
        return False
    if language != NULL_VALUE and not is_inside(language, size):
        return False
    said.weights = base + (weights >> LENGTH_BITS)
    said.n_lives = n_lives_in(base, fields.lives[j])
    if (weights & LENGTH_MASK) != said.n_lives * wide:
        said.n_lives = 0
    said.as_of = fields.times[j]
    said.n_unclicked = <uint32_t>min(max(fields.unclicked[j], 0), 0x7FFFFFFF)
    said.consent = fields.consents[j] != 0
    said.chinese = is_chinese(base, language)
    return True


cdef inline void note_click(Row* row, uint32_t n_unclicked, bint* changed) noexcept nogil:
    """Let fatigue count from a click on, which has reset the count."""
    cdef int i
    row.n_unclicked = n_unclicked
    for i in range(N_PLACES):
        if row.places[i].used and row.places[i].unclicked > n_unclicked:
            row.places[i].unclicked = n_unclicked
            changed[0] = True


cdef void find_block(
        KeyIndex index, VectorPool pool, const uint8_t* table, const uint8_t* base, const int64_t* users, int n,
        uint64_t* hashes, int64_t* numbers
) noexcept nogil:
    """Find the rows of a few user ids; what they point at is on its way to the cache."""
    cdef int i, k, line
    cdef uint64_t* place
    cdef const Row* row
    for i in range(n):
        hashes[i] = hash_bytes(base + (users[i] >> LENGTH_BITS), users[i] & LENGTH_MASK, 0)
        PREFETCH(index.slot_of(hashes[i]))
    for i in range(n):
        numbers[i] = number_in(index.slot_of(hashes[i])[0])
        if numbers[i] >= 0:
            PREFETCH(table + numbers[i] * <int64_t>sizeof(Row))
            PREFETCH(table + numbers[i] * <int64_t>sizeof(Row) + 64)
    for i in range(n):
        if numbers[i] >= 0:
            PREFETCH(index.arena + (<const Row*>(table + numbers[i] * <int64_t>sizeof(Row))).key_start)
    for i in range(n):
        numbers[i] = index.find_hashed(base + (users[i] >> LENGTH_BITS), users[i] & LENGTH_MASK, hashes[i], table, sizeof(Row), &place)
        if numbers[i] < 0:
            continue
        row = <const Row*>(table + numbers[i] * <int64_t>sizeof(Row))
        for line in range((4 * pool.n_categories + 63) // 64):
            PREFETCH(<const uint8_t*>pool.at(row.vector) + 64 * line)
            for k in range(N_PLACES):
                if row.places[k].snapshot:
                    PREFETCH(<const uint8_t*>pool.at(row.places[k].snapshot) + 64 * line)


cdef class Folded(People):
    """People whom records come to."""

    cdef float* scratch  # [categories]
    cdef int64_t n_flagged

    def __cinit__(self, rules, int n_categories, bytes mark=b""):
        self.scratch = <float*>calloc(n_categories, 4)
        if self.scratch == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.scratch)

    cdef inline bint is_quiet(self, Row* row, const Said* said, const float* vector, bint has_history, int64_t now, bint* changed) noexcept nogil:
        """Keep what a person says, if they need nothing; return whether they do."""
        cdef Row seen
        cdef int verdict = QUIET
        if now - max(row.active_at, said.as_of) <= self.rules.active_ms:
            seen = row[0]  # as it would be
            note_click(&seen, said.n_unclicked, changed)
            changed[0] = False
            verdict = judge(self.rules, self.pool, &seen, vector, has_history, now)
        if verdict == NEEDS:
            return False
        row.is_chinese = said.chinese
        row.has_history = has_history
        row.active_at = max(row.active_at, said.as_of)
        note_click(row, said.n_unclicked, changed)
        memcpy(self.pool.at(row.vector), vector, 4 * <size_t>self.pool.n_categories)
        changed[0] = changed[0] or verdict == HELD
        return True

    cdef inline int fold_record(self, const Said* said, int64_t number, float* vector, float* liked, int64_t now) except -1:
        """Fold a record in, or flag its row for a closer look."""
        cdef uint64_t* place
        cdef bint changed = False
        cdef Row* row = NULL
        if number < 0:
            # Somebody may have got a row since the block was looked up.
            number = self.index.find_hashed(said.key, said.n_key, said.hash, self.table, sizeof(Row), &place)
        if said.n_lives == 0:
            return UNFIT
        if number >= 0:
            row = self.row(number)
        if not said.consent and (row == NULL or not (row.consent or row.is_pending)):
            return KEPT
        if not mix_weights(said.weights, said.n_lives, self.pool.n_categories, self.scratch, vector, liked):
            return UNFIT
        if row == NULL:
            if liked[0] < self.rules.enough or now - said.as_of > self.rules.active_ms:
                return KEPT
            number = self.index.add_hashed(said.key, said.n_key, said.hash, self.table, sizeof(Row))
            row = self.row(number)
        elif said.consent and row.consent and not row.is_pending and row.vector and row.alarm_at > now:
            if self.is_quiet(row, said, vector, liked[0] >= self.rules.enough, now, &changed):
                if changed:
                    self.touch(number)
                return KEPT
        # Later records of this person wait for this one.
        row.is_pending = 1
        return FLAGGED

    cdef int fold_payload(
            self, const Fields* fields, const uint8_t[::1] content, int64_t first, int64_t last, int64_t[::1] flagged,
            float[:, ::1] vectors, float[::1] liked, int64_t now
    ) except -1:
        """Fold rows `first` to `last`, which lie in one payload."""
        cdef int64_t size = content.shape[0], wide = 4 * <int64_t>self.pool.n_categories, j
        cdef const uint8_t* base = &content[0]
        cdef uint64_t hashes[BLOCK]
        cdef int64_t numbers[BLOCK]
        cdef Said said
        cdef int k, n, found
        while first < last:
            n = <int>min(last - first, BLOCK)
            for k in range(n):
                if not is_inside(fields.users[first + k], size):
                    raise ValueError("a span points outside its payload")
            find_block(self.index, self.pool, self.table, base, fields.users + first, n, hashes, numbers)
            for k in range(n):
                j = first + k
                if not read_said(fields, j, base, size, wide, &said):
                    raise ValueError("a span points outside its payload")
                said.key = base + (fields.users[j] >> LENGTH_BITS)
                said.n_key, said.hash = fields.users[j] & LENGTH_MASK, hashes[k]
                found = self.fold_record(&said, numbers[k], &vectors[self.n_flagged, 0], &liked[self.n_flagged], now)
                if found == FLAGGED:
                    flagged[self.n_flagged] = j
                    self.n_flagged += 1
                self.n_unfit += found == UNFIT
            first += n
        return 0

    def follow(self, columns, int64_t start, int64_t stop, int64_t now):
        """Fold Preference columns `start` to `stop` into rows; see `table.PeopleTable.follow`."""
        cdef const int64_t[::1] starts = columns.row_starts
        cdef Fields fields
        cdef int64_t payload, first, last, n = stop - start
        if not 0 <= start < stop:
            raise ValueError(f"expected rows, got {start} to {stop}")
        self.reserve(n)
        fields = fields_of(columns, stop)
        flagged = np.empty(n, np.int64)
        vectors = np.empty((n, self.pool.n_categories), np.float32)
        liked = np.empty(n, np.float32)
        self.n_flagged = 0
        for payload in range(len(columns.payloads)):
            first, last = max(starts[payload], start), min(starts[payload + 1], stop)
            if first < last:
                self.fold_payload(&fields, columns.payloads[payload].records, first, last, flagged, vectors, liked, now)
        return flagged[:self.n_flagged], vectors[:self.n_flagged], liked[:self.n_flagged]

    cdef inline int verdict_on(self, const Row* row, int64_t now) noexcept nogil:
        if now >= row.active_at + self.rules.forget_ms:
            return NEEDS
        if row.consent and row.vector and now - row.active_at <= self.rules.active_ms:
            return judge(self.rules, self.pool, row, self.pool.at(row.vector), row.has_history, now)
        return QUIET

    def look(self, const int64_t[::1] numbers, int64_t now):
        """Look at rows again at an instant; return those that may need something, and the rest."""
        cdef int64_t n = numbers.shape[0], i, n_flagged = 0, n_calm = 0
        flagged_array, calm_array = np.empty(n, np.int64), np.empty(n, np.int64)
        cdef int64_t[::1] flagged = flagged_array
        cdef int64_t[::1] calm = calm_array
        cdef Row* row
        cdef int verdict
        for i in range(n):
            row = self.checked(numbers[i])
            if not row.since:
                continue
            verdict = self.verdict_on(row, now)
            if verdict == NEEDS:
                flagged[n_flagged] = numbers[i]
                n_flagged += 1
                continue
            if verdict == HELD:
                self.touch(numbers[i])
            row.alarm_at = next_instant(self.rules, row, now)
            calm[n_calm] = numbers[i]
            n_calm += 1
        return flagged_array[:n_flagged], calm_array[:n_calm]
