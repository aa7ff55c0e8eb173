# Rows <-> Preference records: the compiled twin of changelog.py.

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


cdef inline uint8_t* put_decayed(uint8_t* p, const float* sums, int n, double shrink) noexcept nogil:
    """Write floats scaled down."""
    cdef float scale = <float>shrink
    cdef float value
    cdef int i
    for i in range(n):
        value = sums[i] * scale
        memcpy(p + 4 * i, &value, 4)
    return p + 4 * n


cdef uint8_t* put_preference(Folder rules, KeyIndex index, const Row* row, uint8_t* p, const uint8_t[::1] frame, const uint8_t[::1] lives, const uint8_t* profile, int64_t n_profile, const uint8_t[::1] positions) noexcept nogil:
    """Write one Preference message; the room has been checked."""
    cdef const float* weights = <const float*>(<const uint8_t*>row + sizeof(Row))
    cdef double age = <double>(row.as_of - (EPOCH_MS + (<int64_t>row.landmark << TICK_BITS)))
    cdef int life, n_unclicked = 0
    memcpy(p, &frame[0], frame.shape[0])
    p += frame.shape[0]
    p = put_bytes(p, index.arena + row.key_start, row.key_length)
    p = put_varint(p, row.as_of)
    memcpy(p, &lives[0], lives.shape[0])
    p += lives.shape[0]
    p = put_varint(p, rules.n_lives * rules.n_categories * 4)
    for life in range(rules.n_lives):
        p = put_decayed(p, weights + life * rules.n_categories, rules.n_categories, power_of_two(-age * rules.per_ms[life]))
    p = put_varint(p, row.n_events)
    while n_unclicked < N_UNCLICKED and row.unclicked[n_unclicked]:
        n_unclicked += 1
    p = put_varint(p, n_unclicked)
    p[0] = row.consent
    p += 1
    memcpy(p, profile, n_profile)
    p += n_profile
    memcpy(p, &positions[0], positions.shape[0])
    p += positions.shape[0]
    p = put_varint(p, instant(row.last_click))
    p = put_varint(p, instant(row.withdrawn))
    p = put_bytes(p, row.unclicked, 4 * n_unclicked)
    p = put_varint(p, 4 * N_SURFACES)
    p = put_decayed(p, row.exposures, N_SURFACES, power_of_two(-age * rules.fatigue_per_ms))
    p = put_varint(p, 8)
    return put_decayed(p, row.bursts, 2, power_of_two(-age * rules.burst_per_ms))


def sections(Folder rules, KeyIndex index, rows, const int64_t[::1] numbers, const uint8_t[::1] frame, const uint8_t[::1] lives, list profiles, const uint8_t[::1] positions, int64_t max_bytes):
    """Return records sections (bytes, number of records) for rows; see `changelog.sections`."""
    cdef const uint8_t[::1] memory = rows.view(np.uint8)
    cdef const Row* row
    cdef int64_t stride = rules.stride, n_rows = rows.shape[0]
    cdef int64_t widest = max((len(profile) for profile in profiles), default=0)
    cdef int64_t most = 160 + 512 + frame.shape[0] + lives.shape[0] + widest + positions.shape[0] + rules.n_lives * rules.n_categories * 4
    if rows.itemsize != stride:
        raise ValueError(f"expected rows of {stride} bytes, got {rows.itemsize}")
    cdef int64_t n_profiles = len(profiles)
    starts_array = np.cumsum([0, *(len(profile) for profile in profiles)], dtype=np.int64)
    cdef const int64_t[::1] starts = starts_array
    blob = b"".join(profiles)
    cdef const uint8_t* suffixes = <const uint8_t*><const char*>blob
    message_array = np.empty(most, np.uint8)
    section_array = np.empty(max_bytes + 2 * most, np.uint8)
    cdef uint8_t[::1] message = message_array
    cdef uint8_t[::1] section = section_array
    cdef uint8_t* out = &section[0]
    cdef uint8_t* p
    cdef int64_t i, n_value, n_body, n_records = 0, number, profile
    found = []
    for i in range(numbers.shape[0]):
        number = numbers[i]
        if number < 0 or number >= n_rows:
            raise IndexError(f"no row {number}")
        row = <const Row*>(&memory[0] + number * stride)
        profile = row.profile
        if profile >= n_profiles or row.key_start + <uint64_t>row.key_length > index.arena_used:
            raise IndexError(f"row {number} is broken")
        p = put_preference(rules, index, row, &message[0], frame, lives, suffixes + starts[profile], starts[profile + 1] - starts[profile], positions)
        n_value = p - &message[0]
        n_body = 2 + varint_size(n_records) + varint_size(row.key_length) + row.key_length + varint_size(n_value) + n_value + 1
        out = put_varint(out, n_body)
        out[0] = 0  # attributes
        out[1] = 0  # timestamp delta
        out = put_varint(out + 2, n_records)
        out = put_bytes(out, index.arena + row.key_start, row.key_length)
        out = put_bytes(out, &message[0], n_value)
        out[0] = 0  # headers
        out += 1
        n_records += 1
        if out - &section[0] >= max_bytes:
            found.append((section_array[:out - &section[0]].tobytes(), n_records))
            out = &section[0]
            n_records = 0
    if n_records:
        found.append((section_array[:out - &section[0]].tobytes(), n_records))
    return found


cdef inline int64_t span_length(int64_t span) noexcept nogil:
    return span & LENGTH_MASK if span != NULL_VALUE else -1


def restore(Folder rules, KeyIndex index, rows, columns, const uint8_t[::1] lives, int64_t[:, ::1] replayed, profile_numbers):
    """Put rows back from Preference columns; see `changelog.restore`."""
    if not rows.flags.c_contiguous or rows.itemsize != rules.stride:
        raise ValueError(f"expected rows of {rules.stride} bytes, got {rows.itemsize}")
    cdef int64_t n = len(columns)
    if rows.shape[0] - index.n_rows < n or replayed.shape[1] < rows.shape[0]:
        raise ValueError(f"expected room for {n} rows")
    cdef uint8_t[::1] memory = rows.view(np.uint8)
    cdef uint8_t* table = &memory[0]
    cdef const int64_t[::1] starts = columns.row_starts
    cdef const int64_t[:, :] slots = columns.slots
    cdef int64_t name[17]
    for i, field in enumerate((
        "user_id", "as_of", "half_lives_s", "weights", "n_events", "consent",
        "behavior_offset", "profile_offset", "text_offset", "last_click_at",
        "withdrawn_at", "unclicked_at", "exposures", "bursts",
    )):
        name[i] = columns.names.index(field)
    cdef const int64_t[::1] profiles = profile_numbers
    cdef const uint8_t[::1] view
    cdef const uint8_t* base
    cdef uint64_t h
    cdef uint64_t* place
    cdef int64_t row_number, j, span, payload, wide = rules.n_lives * rules.n_categories * 4
    cdef int64_t stride = rules.stride
    cdef Row* row
    for payload in range(len(columns.payloads)):
        if starts[payload + 1] <= starts[payload]:
            continue
        view = columns.payloads[payload].records
        base = &view[0]
        with nogil:
            for j in range(starts[payload], starts[payload + 1]):
                span = slots[name[0], j]
                h = hash_bytes(base + (span >> LENGTH_BITS), span & LENGTH_MASK, 0)
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
                replayed[0, row_number] = slots[name[6], j]
                replayed[1, row_number] = slots[name[7], j]
                replayed[2, row_number] = slots[name[8], j]
                restore_sums(rules, row, base, slots[name[2], j], slots[name[3], j], slots[name[11], j], slots[name[12], j], slots[name[13], j], lives, wide)


cdef void restore_sums(Folder rules, Row* row, const uint8_t* base, int64_t lived, int64_t weighed, int64_t unclicked, int64_t exposed, int64_t burst, const uint8_t[::1] lives, int64_t wide) noexcept nogil:
    """Take back what decays; weights of other half-lives or categories start anew."""
    cdef float* weights = <float*>(<uint8_t*>row + sizeof(Row))
    cdef double age = <double>(row.as_of - (EPOCH_MS + (<int64_t>row.landmark << TICK_BITS)))
    cdef int life, i
    cdef float grown
    memset(weights, 0, wide)
    memset(row.unclicked, 0, 4 * N_UNCLICKED)
    memset(row.exposures, 0, 4 * N_SURFACES)
    memset(row.bursts, 0, 8)
    if span_length(weighed) == wide and span_length(lived) == lives.shape[0] and memcmp(base + (lived >> LENGTH_BITS), &lives[0], lives.shape[0]) == 0:
        memcpy(weights, base + (weighed >> LENGTH_BITS), wide)
        for life in range(rules.n_lives):
            grown = <float>power_of_two(age * rules.per_ms[life])
            for i in range(rules.n_categories):
                weights[life * rules.n_categories + i] *= grown
    if 0 <= span_length(unclicked) <= 4 * N_UNCLICKED:
        memcpy(row.unclicked, base + (unclicked >> LENGTH_BITS), span_length(unclicked) & ~3)
    if span_length(exposed) == 4 * N_SURFACES:
        memcpy(row.exposures, base + (exposed >> LENGTH_BITS), 4 * N_SURFACES)
        grown = <float>power_of_two(age * rules.fatigue_per_ms)
        for i in range(N_SURFACES):
            row.exposures[i] *= grown
    if span_length(burst) == 8:
        memcpy(row.bursts, base + (burst >> LENGTH_BITS), 8)
        grown = <float>power_of_two(age * rules.burst_per_ms)
        row.bursts[0] *= grown
        row.bursts[1] *= grown
