# Preference columns -> rows, and the names of those who need a closer look.

cdef inline int is_inside(int64_t span, int64_t size) noexcept nogil:
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


cdef inline int is_chinese(const uint8_t* base, int64_t span) noexcept nogil:
    cdef const uint8_t* p = base + (span >> LENGTH_BITS)
    return span != NULL_VALUE and (span & LENGTH_MASK) >= 2 and (p[0] | 32) == 122 and (p[1] | 32) == 104


cdef inline void note_click(Row* row, uint32_t n_unclicked, bint* changed) noexcept nogil:
    """Let fatigue count from a click on, which has reset the count."""
    cdef int i
    row.n_unclicked = n_unclicked
    for i in range(N_PLACES):
        if row.places[i].used and row.places[i].unclicked > n_unclicked:
            row.places[i].unclicked = n_unclicked
            changed[0] = True


cdef inline bint learn(Rules rules, VectorPool pool, Row* row, const float* vector, bint has_history, int64_t as_of, uint32_t n_unclicked, bint chinese, int64_t now) noexcept nogil:
    """Keep a record that needs no closer look; return whether the row must be written."""
    cdef bint changed = False
    row.is_chinese = chinese
    row.has_history = has_history
    row.active_at = max(row.active_at, as_of)
    note_click(row, n_unclicked, &changed)
    memcpy(pool.at(row.vector), vector, 4 * <size_t>pool.n_categories)
    return changed


cdef void find_block(KeyIndex index, VectorPool pool, const uint8_t* table, const uint8_t* base, const int64_t* users, int n, uint64_t* hashes, int64_t* numbers) noexcept nogil:
    """Find the rows of a few user ids; what they point at is on its way to the cache."""
    cdef int i, k, line
    cdef int64_t at
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


def follow(Rules rules, KeyIndex index, VectorPool pool, rows, columns, int64_t start, int64_t stop, int64_t now):
    """Fold Preference columns `start` to `stop` into rows; see `request.table.follow`."""
    cdef uint8_t[::1] memory = rows.view(np.uint8)
    if rows.itemsize != sizeof(Row) or rows.shape[0] - index.n_rows < stop - start or stop <= start:
        raise ValueError("expected rows, with room for a new one each")
    cdef uint8_t* table = &memory[0]
    cdef int64_t stride = sizeof(Row), n = stop - start, wide = 4 * <int64_t>pool.n_categories
    cdef const int64_t[::1] starts = columns.row_starts
    cdef const int64_t[:, :] slots = columns.slots
    cdef int user_slot = columns.names.index("user_id"), at_slot = columns.names.index("as_of")
    cdef int lives_slot = columns.names.index("half_lives_s"), weights_slot = columns.names.index("weights")
    cdef int unclicked_slot = columns.names.index("n_unclicked"), consent_slot = columns.names.index("consent")
    cdef int language_slot = columns.names.index("language")
    flagged_array = np.empty(n, np.int64)
    unfit_array = np.empty(n, np.int64)
    dirty_array = np.empty(n, np.int64)
    liked_array = np.empty(n, np.float32)
    vectors_array = np.empty((n, pool.n_categories), np.float32)
    scratch_array = np.empty(pool.n_categories, np.float32)
    cdef int64_t[::1] flagged = flagged_array
    cdef int64_t[::1] unfit = unfit_array
    cdef int64_t[::1] dirty = dirty_array
    cdef float[::1] liked_of = liked_array
    cdef float[:, ::1] vectors = vectors_array
    cdef float[::1] scratch = scratch_array
    cdef int64_t n_flagged = 0, n_unfit = 0, n_dirty = 0, j, user, weights, lived, number, size, payload
    cdef int64_t as_of, active_at
    cdef uint32_t n_unclicked
    cdef int n_lives, verdict
    cdef bint consent, chinese, has_history
    cdef float liked
    cdef float* vector
    cdef const uint8_t[::1] view
    cdef const uint8_t* base
    cdef const uint8_t* key
    cdef uint64_t* place
    cdef Row* row
    cdef int64_t users[BLOCK]
    cdef uint64_t hashes[BLOCK]
    cdef int64_t numbers[BLOCK]
    cdef uint64_t h
    cdef int64_t block, last
    cdef int k, n_block
    for payload in range(len(columns.payloads)):
        if starts[payload + 1] <= max(starts[payload], start) or starts[payload] >= stop:
            continue
        view = columns.payloads[payload].records
        size = view.shape[0]
        base = &view[0]
        block = max(starts[payload], start)
        last = min(starts[payload + 1], stop)
        k = n_block = 0
        for j in range(block, last):
            if k == n_block:
                n_block = <int>min(last - j, BLOCK)
                for k in range(n_block):
                    users[k] = slots[user_slot, j + k]
                    if not is_inside(users[k], size):
                        raise ValueError("a span points outside its payload")
                find_block(index, pool, table, base, users, n_block, hashes, numbers)
                k = 0
            user = users[k]
            number = numbers[k]
            h = hashes[k]
            k += 1
            weights = slots[weights_slot, j]
            lived = slots[lives_slot, j]
            if not (is_inside(weights, size) and is_inside(lived, size)):
                raise ValueError("a span points outside its payload")
            if slots[language_slot, j] != NULL_VALUE and not is_inside(slots[language_slot, j], size):
                raise ValueError("a span points outside its payload")
            key = base + (user >> LENGTH_BITS)
            if number < 0:
                # Somebody may have got a row since the block was looked up.
                number = index.find_hashed(key, user & LENGTH_MASK, h, table, stride, &place)
            n_lives = n_lives_in(base, lived)
            if n_lives == 0 or (weights & LENGTH_MASK) != n_lives * wide:
                unfit[n_unfit] = j
                n_unfit += 1
                continue
            consent = slots[consent_slot, j] != 0
            row = <Row*>(table + number * stride) if number >= 0 else NULL
            if not consent and (row == NULL or not (row.consent or row.is_pending)):
                continue
            vector = &vectors[n_flagged, 0]
            if not mix_weights(base + (weights >> LENGTH_BITS), n_lives, pool.n_categories, &scratch[0], vector, &liked):
                unfit[n_unfit] = j
                n_unfit += 1
                continue
            liked_of[n_flagged] = liked
            as_of = slots[at_slot, j]
            if row == NULL:
                if liked < rules.enough or now - as_of > rules.active_ms:
                    continue
                number = index.add_hashed(key, user & LENGTH_MASK, h, table, stride)
                row = <Row*>(table + number * stride)
                row.is_pending = 1
            elif consent and row.consent and not row.is_pending and row.vector and row.alarm_at > now:
                active_at = max(row.active_at, as_of)
                has_history = liked >= rules.enough
                n_unclicked = <uint32_t>min(max(slots[unclicked_slot, j], 0), 0x7FFFFFFF)
                chinese = is_chinese(base, slots[language_slot, j])
                verdict = QUIET
                if now - active_at <= rules.active_ms:
                    verdict = judge_at(rules, pool, row, vector, has_history, n_unclicked, now)
                if verdict != NEEDS:
                    if (learn(rules, pool, row, vector, has_history, as_of, n_unclicked, chinese, now) or verdict == HELD) and not row.dirty:
                        row.dirty = 1
                        dirty[n_dirty] = number
                        n_dirty += 1
                    continue
            # Later records of this person wait for this one.
            row.is_pending = 1
            flagged[n_flagged] = j
            n_flagged += 1
    return (
        flagged_array[:n_flagged],
        vectors_array[:n_flagged],
        liked_array[:n_flagged],
        dirty_array[:n_dirty].copy(),
        unfit_array[:n_unfit],
    )


def look(Rules rules, KeyIndex index, VectorPool pool, rows, const int64_t[::1] numbers, int64_t now):
    """Look at rows again at an instant; see `request.table.look`."""
    cdef uint8_t[::1] memory = rows.view(np.uint8)
    cdef int64_t n = numbers.shape[0], i, n_flagged = 0, n_dirty = 0, n_calm = 0
    flagged_array = np.empty(n, np.int64)
    dirty_array = np.empty(n, np.int64)
    calm_array = np.empty(n, np.int64)
    cdef int64_t[::1] flagged = flagged_array
    cdef int64_t[::1] dirty = dirty_array
    cdef int64_t[::1] calm = calm_array
    cdef Row* row
    cdef int verdict
    if rows.itemsize != sizeof(Row):
        raise ValueError("expected rows of people")
    for i in range(n):
        if not 0 <= numbers[i] < rows.shape[0]:
            raise IndexError(f"no row {numbers[i]}")
        row = <Row*>(&memory[0] + numbers[i] * <int64_t>sizeof(Row))
        if not row.since:
            continue
        verdict = QUIET
        if now >= row.active_at + rules.forget_ms:
            verdict = NEEDS
        elif row.consent and row.vector and now - row.active_at <= rules.active_ms:
            verdict = judge(rules, pool, row, pool.at(row.vector), row.has_history, now)
        if verdict == NEEDS:
            flagged[n_flagged] = numbers[i]
            n_flagged += 1
            continue
        if verdict == HELD and not row.dirty:
            row.dirty = 1
            dirty[n_dirty] = numbers[i]
            n_dirty += 1
        row.alarm_at = next_instant(rules, row, now)
        calm[n_calm] = numbers[i]
        n_calm += 1
    return flagged_array[:n_flagged], calm_array[:n_calm], dirty_array[:n_dirty].copy()
