# Rows <-> Preference records.

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


cdef inline uint8_t* put_bytes(uint8_t* p, const void* content, int64_t n) noexcept nogil:
    p = put_varint(p, n)
    memcpy(p, content, n)
    return p + n


cdef inline int64_t instant(uint32_t tick) noexcept nogil:
    return EPOCH_MS + (<int64_t>tick << TICK_BITS) if tick else 0


cdef extern from *:
    """
    /* Floats times a number, as little-endian bytes wherever they lie. What is written
       is nothing of what is read, which the compiler has to know to take four at once. */
    static inline void put_scaled(uint8_t *__restrict out, const float *__restrict in, size_t n, float by) {
        for (size_t i = 0; i < n; i++) {
            float value = in[i] * by;
            memcpy(out + 4 * i, &value, 4);
        }
    }
    """
    void put_scaled(uint8_t*, const float*, size_t, float) noexcept nogil


cdef inline uint8_t* put_decayed(uint8_t* p, const float* sums, int n, double shrink) noexcept nogil:
    """Write floats scaled down."""
    put_scaled(p, sums, n, <float>shrink)
    return p + 4 * n


cdef struct Written:
    # What every record of a section has alike.
    const uint8_t* frame
    int64_t n_frame
    const uint8_t* lives
    int64_t n_lives
    const uint8_t* positions
    int64_t n_positions
    const uint8_t* profile
    int64_t n_profile


cdef inline int n_unclicked_of(const Row* row) noexcept nogil:
    cdef int n = 0
    while n < N_UNCLICKED and row.unclicked[n]:
        n += 1
    return n


cdef int64_t preference_size(Folder rules, const Row* row, const Written* alike) noexcept nogil:
    """Return the bytes of one Preference message."""
    cdef int64_t wide = rules.n_lives * rules.n_categories * 4
    cdef int64_t size = alike.n_frame + alike.n_lives + alike.n_positions + alike.n_profile
    size += varint_size(row.key_length) + row.key_length + varint_size(row.as_of) + varint_size(wide) + wide
    size += varint_size(row.n_events) + varint_size(instant(row.last_click)) + varint_size(instant(row.withdrawn))
    # One byte each: consent and the five lengths that are below 64.
    return size + 5 + 4 * (n_unclicked_of(row) + rules.n_surfaces + 2)


cdef uint8_t* put_preference(Folder rules, const uint8_t* key, const Row* row, uint8_t* p, const Written* alike) noexcept nogil:
    """Write one Preference message; there is room for its `preference_size`."""
    cdef const float* weights = exposures_of(row) + rules.n_surfaces
    cdef double age = <double>(row.as_of - (EPOCH_MS + (<int64_t>row.landmark << TICK_BITS)))
    cdef int life, n_unclicked = n_unclicked_of(row)
    memcpy(p, alike.frame, alike.n_frame)
    p = put_bytes(p + alike.n_frame, key, row.key_length)
    p = put_varint(p, row.as_of)
    memcpy(p, alike.lives, alike.n_lives)
    p += alike.n_lives
    p = put_varint(p, rules.n_lives * rules.n_categories * 4)
    for life in range(rules.n_lives):
        p = put_decayed(p, weights + life * rules.n_categories, rules.n_categories, power_of_two(-age * rules.per_ms[life]))
    p = put_varint(p, row.n_events)
    p = put_varint(p, n_unclicked)
    p[0] = row.consent
    p += 1
    memcpy(p, alike.profile, alike.n_profile)
    p += alike.n_profile
    memcpy(p, alike.positions, alike.n_positions)
    p += alike.n_positions
    p = put_varint(p, instant(row.last_click))
    p = put_varint(p, instant(row.withdrawn))
    p = put_bytes(p, row.unclicked, 4 * n_unclicked)
    p = put_varint(p, 4 * rules.n_surfaces)
    p = put_decayed(p, exposures_of(row), rules.n_surfaces, power_of_two(-age * rules.fatigue_per_ms))
    p = put_varint(p, 8)
    memcpy(p, row.bursts, 8)
    return p + 8


cdef inline void fetch_row(const uint8_t* row, int64_t stride) noexcept nogil:
    """Have all of a row that will be read soon on its way."""
    cdef int64_t at
    for at in range(0, stride, 64):
        PREFETCH(row + at)
    PREFETCH(row + stride - 1)


cdef inline uint8_t* put_record(
        uint8_t* p, Folder rules, const uint8_t* key, const Row* row, int64_t number, int64_t n_value, const Written*
        alike
) noexcept nogil:
    """Write a record behind its length: the place in its section, key and value."""
    p[0] = 0  # attributes
    p[1] = 0  # timestamp delta
    p = put_varint(p + 2, number)
    p = put_bytes(p, key, row.key_length)
    p = put_preference(rules, key, row, put_varint(p, n_value), alike)
    p[0] = 0  # headers
    return p + 1


def sections(
        Folder rules, KeyIndex index, rows, const int64_t[::1] numbers, const uint8_t[::1] frame, const uint8_t[::1]
        lives, list profiles, const uint8_t[::1] positions, int64_t max_bytes, Blocks blocks=None
):
    """Return records sections (bytes, number of records) of rows, a little over `max_bytes`.

    Args:
        numbers: of the rows to write; their sums are decayed to their `as_of`.
        frame: zero byte and schema id of a message.
        lives: the half-lives in seconds, as Avro.
        profiles: by number, language, region, age band and device, as Avro.
        positions: offsets that the rows include, of the three sources, as Avro.
        blocks: memory that the bytes are views of; their own by default.
    """
    cdef const uint8_t[::1] memory = rows.view(np.uint8)
    cdef const uint8_t* table = &memory[0] if memory.shape[0] else NULL
    cdef const Row* row
    cdef int64_t stride = rules.stride, n_rows = rows.shape[0], n_profiles = len(profiles), n = numbers.shape[0]
    if rows.itemsize != stride:
        raise ValueError(f"expected rows of {stride} bytes, got {rows.itemsize}")
    starts_array = np.cumsum([0, *(len(profile) for profile in profiles)], dtype=np.int64)
    cdef const int64_t[::1] starts = starts_array
    blob = b"".join(profiles)
    cdef const uint8_t* suffixes = <const uint8_t*><const char*>blob
    cdef Written alike
    alike.frame, alike.n_frame = &frame[0], frame.shape[0]
    alike.lives, alike.n_lives = &lives[0], lives.shape[0]
    alike.positions, alike.n_positions = &positions[0], positions.shape[0]
    if blocks is None:
        blocks = Blocks()
    cdef int64_t i, number, n_value, n_body, n_records = 0
    found = []
    for i in range(n):
        if i + AHEAD < n:
            fetch_row(table + numbers[i + AHEAD] * stride, stride)
        if i + AHEAD // 2 < n and 0 <= numbers[i + AHEAD // 2] < n_rows:
            PREFETCH(index.arena + (<const Row*>(table + numbers[i + AHEAD // 2] * stride)).key_start)
        number = numbers[i]
        if number < 0 or number >= n_rows:
            raise IndexError(f"no row {number}")
        row = <const Row*>(table + number * stride)
        if row.profile >= n_profiles or row.key_start + <uint64_t>row.key_length > index.arena_used:
            raise IndexError(f"row {number} is broken")
        alike.profile, alike.n_profile = suffixes + starts[row.profile], starts[row.profile + 1] - starts[row.profile]
        n_value = preference_size(rules, row, &alike)
        n_body = 3 + varint_size(n_records) + varint_size(row.key_length) + row.key_length + varint_size(n_value) + n_value
        if blocks.left() < n_body + 10 or blocks.n_open() >= max_bytes:
            if n_records:
                found.append((blocks.taken(), n_records))
            blocks.make_room(max_bytes, n_body + 10)
            n_body += 1 - varint_size(n_records)
            n_records = 0
        blocks.out = put_record(put_varint(blocks.out, n_body), rules, index.arena + row.key_start, row, n_records, n_value, &alike)
        n_records += 1
    if n_records:
        found.append((blocks.taken(), n_records))
    return found


def clean(rows, const int64_t[::1] numbers):
    """Call rows clean; return the numbers of those that are somebody's."""
    cdef uint8_t[::1] memory = rows.view(np.uint8)
    cdef uint8_t* table = &memory[0] if memory.shape[0] else NULL
    cdef int64_t stride = rows.itemsize, n_rows = rows.shape[0], n = numbers.shape[0], i, n_found = 0
    found = np.empty(n, np.int64)
    cdef int64_t[::1] out = found
    cdef Row* row
    for i in range(n):
        if i + AHEAD < n:
            PREFETCH(table + numbers[i + AHEAD] * stride + sizeof(Row) // 2)
        if numbers[i] < 0 or numbers[i] >= n_rows:
            raise IndexError(f"no row {numbers[i]}")
        row = <Row*>(table + numbers[i] * stride)
        row.dirty = 0
        if row.key_length:
            out[n_found] = numbers[i]
            n_found += 1
    return found[:n_found]


cdef inline int64_t span_length(int64_t span) noexcept nogil:
    return span & LENGTH_MASK if span != NULL_VALUE else -1


def restore(Folder rules, KeyIndex index, rows, columns, const uint8_t[::1] lives, int64_t[:, ::1] replayed, profile_numbers):
    """Put rows back from Preference columns; of several records of a person the last counts."""
    if not rows.flags.c_contiguous or rows.itemsize != rules.stride:
        raise ValueError(f"expected rows of {rules.stride} bytes, got {rows.itemsize}")
    cdef int64_t n = len(columns)
    if rows.shape[0] - index.n_rows < n or replayed.shape[1] < rows.shape[0]:
        raise ValueError(f"expected room for {n} rows")
    cdef uint8_t[::1] memory = rows.view(np.uint8)
    cdef uint8_t* table = &memory[0]
    cdef const int64_t[::1] starts = columns.row_starts
    cdef const int64_t[:, :] slots = columns.slots
    cdef const int64_t[:] users = columns.slot("user_id")
    cdef int64_t name[17]
    for k, field in enumerate((
        "user_id", "as_of", "half_lives_s", "weights", "n_events", "consent",
        "behavior_offset", "profile_offset", "text_offset", "last_click_at",
        "withdrawn_at", "unclicked_at", "exposures", "bursts",
    )):
        name[k] = columns.names.index(field)
    cdef const int64_t[::1] profiles = profile_numbers
    cdef const uint8_t[::1] view
    cdef const uint8_t* base
    cdef uint64_t hashes[BLOCK]
    cdef uint64_t* place
    cdef uint64_t h
    cdef int64_t row_number, i, j, first, last, span, payload, stride = rules.stride, wide = rules.n_lives * rules.n_categories * 4
    cdef Row* row
    for payload in range(len(columns.payloads)):
        if starts[payload + 1] <= starts[payload]:
            continue
        view = columns.payloads[payload].records
        base = &view[0]
        first = starts[payload]
        with nogil:
            while first < starts[payload + 1]:
                last = min(first + BLOCK, starts[payload + 1])
                index.touch(table, memory.shape[0], stride, last - first)
                fetch_people(index, base, users, first, last, table, stride, hashes)
                for j in range(first, last):
                    span, h = users[j], hashes[j - first]
                    row_number = index.find_hashed(base + (span >> LENGTH_BITS), span & LENGTH_MASK, h, table, stride, &place)
                    if row_number < 0:
                        with gil:
                            row_number = index.add_hashed(base + (span >> LENGTH_BITS), span & LENGTH_MASK, h, table, stride)
                    row = <Row*>(table + row_number * stride)
                    row.as_of = slots[name[1], j]
                    row.landmark = tick_of(row.as_of)
                    row.n_events = <uint32_t>slots[name[4], j]
                    row.consent = <uint8_t>slots[name[5], j]
                    row.last_click = tick_of(slots[name[9], j])
                    row.withdrawn = tick_of(slots[name[10], j])
                    row.profile = <uint32_t>profiles[j]
                    for i in range(3):
                        replayed[i, row_number] = slots[name[6 + i], j]
                    restore_sums(
                        rules, row, base, slots[name[2], j], slots[name[3], j], slots[name[11], j], slots[name[12], j], slots[name[13], j], lives, wide
                    )
                first = last


cdef void fetch_people(
        KeyIndex index, const uint8_t* base, const int64_t[:] users, int64_t first, int64_t last, const uint8_t*
        table, int64_t stride, uint64_t* hashes
) noexcept nogil:
    """Hash user ids `first` to `last` [BLOCK]; have the rows that they have on their way."""
    cdef int64_t j, number
    for j in range(first, last):
        hashes[j - first] = hash_bytes(base + (users[j] >> LENGTH_BITS), users[j] & LENGTH_MASK, 0)
        PREFETCH(index.slot_of(hashes[j - first]))
    for j in range(last - first):
        number = index.likely_row(hashes[j])
        if number >= 0:
            fetch_row(table + number * stride, stride)
    for j in range(last - first):
        number = index.likely_row(hashes[j])
        if number >= 0:
            PREFETCH(index.arena + (<const Row*>(table + number * stride)).key_start)


cdef void restore_sums(
        Folder rules, Row* row, const uint8_t* base, int64_t lived, int64_t weighed, int64_t unclicked, int64_t
        exposed, int64_t burst, const uint8_t[::1] lives, int64_t wide
) noexcept nogil:
    """Take back what decays; weights of other half-lives or categories start anew."""
    cdef float* weights = exposures_of(row) + rules.n_surfaces
    cdef double age = <double>(row.as_of - (EPOCH_MS + (<int64_t>row.landmark << TICK_BITS)))
    cdef int life, i
    cdef float grown
    memset(weights, 0, wide)
    memset(row.unclicked, 0, 4 * N_UNCLICKED)
    memset(exposures_of(row), 0, 4 * rules.n_surfaces)
    memset(row.bursts, 0, 8)
    if span_length(weighed) == wide and span_length(lived) == lives.shape[0] and memcmp(base + (lived >> LENGTH_BITS), &lives[0], lives.shape[0]) == 0:
        memcpy(weights, base + (weighed >> LENGTH_BITS), wide)
        for life in range(rules.n_lives):
            grown = <float>power_of_two(age * rules.per_ms[life])
            for i in range(rules.n_categories):
                weights[life * rules.n_categories + i] *= grown
    if 0 <= span_length(unclicked) <= 4 * N_UNCLICKED:
        memcpy(row.unclicked, base + (unclicked >> LENGTH_BITS), span_length(unclicked) & ~3)
    if span_length(exposed) == 4 * rules.n_surfaces:
        memcpy(exposures_of(row), base + (exposed >> LENGTH_BITS), 4 * rules.n_surfaces)
        grown = <float>power_of_two(age * rules.fatigue_per_ms)
        for i in range(rules.n_surfaces):
            exposures_of(row)[i] *= grown
    if span_length(burst) == 8:
        memcpy(row.bursts, base + (burst >> LENGTH_BITS), 8)
