# Columns -> rows.

cdef inline float* exposures_of(const Row* row) noexcept nogil:
    """Return where a row's exposures are: one a surface, the last of unnamed ones."""
    return <float*>(<uint8_t*>row + sizeof(Row))


cdef class Folder:
    """What an event is worth: half-lives, weights by kind, categories."""

    cdef int n_lives
    cdef int n_categories
    cdef int n_surfaces
    cdef double per_ms[MAX_LIVES]
    cdef double fatigue_per_ms
    cdef double burst_per_ms
    cdef double max_age_ms
    cdef float kind_weights[N_KINDS]
    cdef int64_t is_weighed[N_KINDS]
    cdef int64_t last_weights  # where those of the last half-life are in a row
    cdef uint64_t category_hash[CATEGORY_SLOTS]
    cdef int16_t category_column[CATEGORY_SLOTS]
    cdef int64_t stride

    def __init__(self, rules):
        if len(rules.half_lives_ms) > MAX_LIVES or len(rules.kind_weights) >= N_KINDS:
            raise ValueError(f"expected at most {MAX_LIVES} half-lives, got {len(rules.half_lives_ms)}")
        n_names = len(rules.categories) + len(rules.homes)
        if n_names * 2 > CATEGORY_SLOTS:
            raise ValueError(f"expected at most {CATEGORY_SLOTS // 2} names of categories, got {n_names}")
        self.n_lives = len(rules.half_lives_ms)
        self.n_categories = len(rules.categories)
        self.n_surfaces = rules.n_surfaces
        for i, length in enumerate(rules.half_lives_ms):
            self.per_ms[i] = 1.0 / length
        self.fatigue_per_ms = 1.0 / rules.fatigue_half_life_ms
        self.burst_per_ms = 1.0 / rules.burst_half_life_ms
        self.max_age_ms = rules.max_age_ms
        for i, weight in enumerate(rules.kind_weights):
            self.kind_weights[i] = weight
            self.is_weighed[i] = weight != 0
        memset(self.category_hash, 0, sizeof(self.category_hash))
        for column, name in enumerate(rules.categories):
            self.know(name.encode(), column)
        for name, column in rules.homes:
            self.know(name.encode(), column)
        self.stride = sizeof(Row) + (self.n_surfaces + self.n_lives * self.n_categories) * 4
        self.last_weights = self.stride - self.n_categories * 4

    cdef void know(self, bytes name, int column):
        cdef uint64_t h = hash_bytes(<const uint8_t*><const char*>name, len(name), 1) | 1
        cdef uint64_t slot = (h >> 32) % CATEGORY_SLOTS
        while self.category_hash[slot]:
            slot = (slot + 1) % CATEGORY_SLOTS
        self.category_hash[slot] = h
        self.category_column[slot] = column

    cdef int column_of(self, const uint8_t* base, int64_t span) noexcept nogil:
        cdef uint64_t h, slot
        if span == NULL_VALUE:
            return -1
        h = hash_bytes(base + (span >> LENGTH_BITS), span & LENGTH_MASK, 1) | 1
        slot = (h >> 32) % CATEGORY_SLOTS
        while self.category_hash[slot]:
            if self.category_hash[slot] == h:
                return self.category_column[slot]
            slot = (slot + 1) % CATEGORY_SLOTS
        return -1

    cdef void fetch(self, const uint8_t* row, int kind, int column) noexcept nogil:
        """Have what an event touches of a row on its way: its head, a weight.

        Without a branch: kinds cannot be predicted.
        """
        PREFETCH(row)
        PREFETCH(row + 63)
        PREFETCH(row + sizeof(Row) + 4 * self.n_surfaces - 1)
        PREFETCH(row + self.is_weighed[kind] * (self.last_weights + column * 4))

    cdef void move_landmark(self, Row* row, uint32_t tick) noexcept nogil:
        """Express a row's sums relative to a newer landmark."""
        cdef float* weights = exposures_of(row) + self.n_surfaces
        cdef double passed = <double>(<int64_t>(tick - row.landmark) << TICK_BITS)
        cdef float shrink
        cdef int life, i
        if row.landmark:
            for life in range(self.n_lives):
                shrink = <float>power_of_two(-passed * self.per_ms[life])
                for i in range(self.n_categories):
                    weights[life * self.n_categories + i] *= shrink
            shrink = <float>power_of_two(-passed * self.fatigue_per_ms)
            for i in range(self.n_surfaces):
                exposures_of(row)[i] *= shrink
        row.landmark = tick

    cdef void fold_event(self, Row* row, int64_t at, int kind, int surface, int column, int consent) noexcept nogil:
        cdef float* weights = exposures_of(row) + self.n_surfaces
        cdef uint32_t tick = tick_of(at)
        cdef double age = <double>(at - (EPOCH_MS + (<int64_t>row.landmark << TICK_BITS)))
        cdef float amount = self.kind_weights[kind]
        cdef float burst = <float>power_of_two(-fabs(<double>(at - row.as_of)) * self.burst_per_ms)
        cdef int i
        if row.landmark == 0 or age > self.max_age_ms:
            self.move_landmark(row, tick)
            age = <double>(at - (EPOCH_MS + (<int64_t>tick << TICK_BITS)))
        row.n_events += 1
        if at > row.as_of:
            row.bursts[0] *= burst
            row.bursts[1] *= burst
            burst = 1
            row.as_of = at
            row.consent = consent
        elif at == row.as_of:
            row.consent &= consent
        if not consent:
            if tick > row.withdrawn:
                row.withdrawn = tick
            memset(weights, 0, self.n_lives * self.n_categories * 4)
        elif column >= 0 and amount != 0 and tick > row.withdrawn:
            for i in range(self.n_lives):
                weights[i * self.n_categories + column] += amount * <float>power_of_two(age * self.per_ms[i])
        if kind == IMPRESSION:
            exposures_of(row)[surface] += <float>power_of_two(age * self.fatigue_per_ms)
            row.bursts[0] += burst
            if tick > row.last_click and tick > row.unclicked[N_UNCLICKED - 1]:
                keep_newest(row.unclicked, tick)
        elif kind == CLICK:
            row.bursts[1] += burst
            if tick > row.last_click:
                row.last_click = tick
                for i in range(N_UNCLICKED):
                    if row.unclicked[i] <= tick:
                        row.unclicked[i] = 0


cdef inline void keep_newest(uint32_t* ticks, uint32_t tick) noexcept nogil:
    """Put a tick among the newest ones, newest first; the oldest falls out."""
    cdef int i = N_UNCLICKED - 1
    while i > 0 and ticks[i - 1] < tick:
        ticks[i] = ticks[i - 1]
        i -= 1
    ticks[i] = tick


cdef struct Events:
    # Columns of Behavior; users, ids and categories are spans.
    const int64_t* offsets
    const int64_t* ids
    const int64_t* users
    const int64_t* kinds
    const int64_t* times
    const int64_t* surfaces
    const int64_t* categories
    const int64_t* consents


cdef struct Ahead:
    # What is known of some events before they are folded.
    uint64_t user_hash[BLOCK]
    uint64_t event_hash[BLOCK]
    uint8_t is_new[BLOCK]
    int column[BLOCK]
    int64_t likely[BLOCK]


cdef struct Dirty:
    int64_t* numbers
    int64_t n


cdef inline void hash_events(KeyIndex index, Window window, const uint8_t* base, const Events* events, int64_t first, int64_t m, Ahead* ahead) noexcept nogil:
    cdef int64_t i, j
    for j in range(m):
        i = first + j
        ahead.user_hash[j] = hash_bytes(base + (events.users[i] >> LENGTH_BITS), events.users[i] & LENGTH_MASK, 0)
        PREFETCH(index.slot_of(ahead.user_hash[j]))
        ahead.event_hash[j] = hash_bytes(base + (events.ids[i] >> LENGTH_BITS), events.ids[i] & LENGTH_MASK, ahead.user_hash[j])
        window.prefetch(ahead.event_hash[j])


cdef inline int see_events(
        Folder rules, KeyIndex index, Window window, const uint8_t* base, const Events* events, int64_t first, int64_t
        m, Ahead* ahead, const uint8_t* table
) noexcept nogil:
    """See the ids of events, have their rows on their way; -1 without memory."""
    cdef int64_t j
    cdef int seen
    for j in range(m):
        ahead.column[j] = rules.column_of(base, events.categories[first + j])
        ahead.likely[j] = index.likely_row(ahead.user_hash[j])
        if ahead.likely[j] >= 0:
            rules.fetch(table + ahead.likely[j] * rules.stride, <int>(events.kinds[first + j] & (N_KINDS - 1)), ahead.column[j])
        seen = window.see(ahead.event_hash[j])
        if seen < 0:
            return -1
        ahead.is_new[j] = seen
    return 0


cdef inline void fetch_keys(KeyIndex index, const uint8_t* table, int64_t stride, int64_t m, const Ahead* ahead) noexcept nogil:
    cdef int64_t j
    cdef const Row* row
    for j in range(m):
        if ahead.likely[j] >= 0:
            row = <const Row*>(table + ahead.likely[j] * stride)
            PREFETCH(index.arena + row.key_start)
            PREFETCH(index.arena + row.key_start + row.key_length - 1)


cdef inline int64_t fold_new(
        Folder rules, KeyIndex index, const uint8_t* base, const Events* events, int64_t first, int64_t m, const
        Ahead* ahead, uint8_t* table, const int64_t[::1] replayed, Dirty* dirty
) noexcept nogil:
    """Fold the events whose id is new into their rows; return how many there were."""
    cdef int64_t i, j, number, surface, length, n_folded = 0, stride = rules.stride
    cdef const uint8_t* key
    cdef uint64_t* place
    cdef Row* row
    for j in range(m):
        if not ahead.is_new[j]:
            continue
        i = first + j
        key = base + (events.users[i] >> LENGTH_BITS)
        length = events.users[i] & LENGTH_MASK
        number = index.find_hashed(key, length, ahead.user_hash[j], table, stride, &place)
        if number < 0:
            number = index.put(key, length, ahead.user_hash[j], table, stride)
        if number < replayed.shape[0] and events.offsets[i] <= replayed[number]:
            continue
        row = <Row*>(table + number * stride)
        surface = events.surfaces[i]
        if surface < 0 or surface >= rules.n_surfaces:
            surface = rules.n_surfaces - 1
        rules.fold_event(row, events.times[i], <int>(events.kinds[i] & (N_KINDS - 1)), <int>surface, ahead.column[j], <int>events.consents[i])
        n_folded += 1
        if not row.dirty:
            row.dirty = 1
            dirty.numbers[dirty.n] = number
            dirty.n += 1
    return n_folded


cdef Events events_of(columns):
    """Return where the columns are; they must outlive it."""
    cdef Events events
    cdef const int64_t[::1] column = columns.offsets
    events.offsets = &column[0]
    column = columns.slot("event_id")
    events.ids = &column[0]
    column = columns.slot("user_id")
    events.users = &column[0]
    column = columns.slot("kind")
    events.kinds = &column[0]
    column = columns.slot("occurred_at")
    events.times = &column[0]
    column = columns.slot("surface")
    events.surfaces = &column[0]
    column = columns.slot("category")
    events.categories = &column[0]
    column = columns.slot("consent")
    events.consents = &column[0]
    return events


def fold(Folder rules, KeyIndex index, Window window, rows, columns, const int64_t[::1] replayed, int64_t[::1] dirty):
    """Fold Behavior columns in; return (number of newly dirty rows, number folded).

    `rows` and `dirty` have room for a new row per event; `replayed` is empty, or holds
    per row the last offset that it includes already.
    """
    if not rows.flags.c_contiguous or rows.itemsize != rules.stride:
        raise ValueError(f"expected rows of {rules.stride} bytes, got {rows.itemsize}")
    cdef int64_t n_room = rows.shape[0], n = len(columns)
    if n_room - index.n_rows < n or dirty.shape[0] < n:
        raise ValueError(f"expected room for {n} rows, got {n_room - index.n_rows}")
    if n == 0:
        return 0, 0
    cdef uint8_t[::1] memory = rows.view(np.uint8)
    cdef uint8_t* table = &memory[0]
    cdef const int64_t[::1] starts = columns.row_starts
    cdef Events events = events_of(columns)
    cdef Ahead ahead
    cdef Dirty changed
    cdef const uint8_t[::1] view
    cdef const uint8_t* base
    cdef int64_t first, j, m, n_bytes, n_folded = 0
    cdef int payload, failed
    changed.numbers, changed.n = &dirty[0], 0
    for payload in range(len(columns.payloads)):
        if starts[payload + 1] <= starts[payload]:
            continue
        view = columns.payloads[payload].records
        base = &view[0]
        first = starts[payload]
        while first < starts[payload + 1]:
            m = min(BLOCK, starts[payload + 1] - first)
            n_bytes = 0
            for j in range(first, first + m):
                n_bytes += events.users[j] & LENGTH_MASK
            index.reserve(m, n_bytes)
            index.touch(table, memory.shape[0], rules.stride, m)
            with nogil:
                # What each step looks at, the step before it has fetched.
                hash_events(index, window, base, &events, first, m, &ahead)
                failed = see_events(rules, index, window, base, &events, first, m, &ahead, table)
                if not failed:
                    fetch_keys(index, table, rules.stride, m, &ahead)
                    n_folded += fold_new(rules, index, base, &events, first, m, &ahead, table, replayed, &changed)
            if failed:
                raise MemoryError
            first += m
    return changed.n, n_folded


def signal(Folder rules, rows, int64_t number, int64_t at, bint consent, const int64_t[::1] columns, const double[::1] amounts, bint is_event):
    """Fold into a row what is no behaviour: `amounts` [n] for the categories `columns` [n]."""
    cdef uint8_t[::1] memory = rows.view(np.uint8)
    if rows.itemsize != rules.stride or not 0 <= number < rows.shape[0]:
        raise IndexError(f"no row {number}")
    cdef Row* row = <Row*>(&memory[0] + number * rules.stride)
    cdef float* weights = exposures_of(row) + rules.n_surfaces
    cdef double age
    cdef int64_t i
    cdef int life
    rules.fold_event(row, at, N_KINDS - 1, 0, -1, consent)
    row.n_events -= not is_event
    if not consent or tick_of(at) <= row.withdrawn:
        return
    age = <double>(at - (EPOCH_MS + (<int64_t>row.landmark << TICK_BITS)))
    for i in range(columns.shape[0]):
        if not 0 <= columns[i] < rules.n_categories:
            raise IndexError(f"no category {columns[i]}")
        for life in range(rules.n_lives):
            weights[life * rules.n_categories + columns[i]] += <float>(amounts[i] * power_of_two(age * rules.per_ms[life]))


def recall(Window window, columns):
    """See the event ids of columns without folding anything."""
    cdef const int64_t[::1] starts = columns.row_starts
    cdef const int64_t[::1] events = columns.slot("event_id")
    cdef const int64_t[::1] users = columns.slot("user_id")
    cdef const uint8_t[::1] view
    cdef const uint8_t* base
    cdef uint64_t h
    cdef int64_t i
    cdef int payload, failed = 0
    for payload in range(len(columns.payloads)):
        if starts[payload + 1] <= starts[payload]:
            continue
        view = columns.payloads[payload].records
        base = &view[0]
        with nogil:
            for i in range(starts[payload], starts[payload + 1]):
                h = hash_bytes(base + (users[i] >> LENGTH_BITS), users[i] & LENGTH_MASK, 0)
                h = hash_bytes(base + (events[i] >> LENGTH_BITS), events[i] & LENGTH_MASK, h)
                if window.see(h) < 0:
                    failed = 1
                    break
        if failed:
            raise MemoryError


def unknown(Folder rules, columns):
    """Return the rows of Behavior columns whose category is none of `rules`."""
    cdef const int64_t[::1] starts = columns.row_starts
    cdef const int64_t[::1] categories = columns.slot("category")
    cdef const uint8_t[::1] view
    cdef int64_t i
    cdef int payload
    found = []
    for payload in range(len(columns.payloads)):
        if starts[payload + 1] <= starts[payload]:
            continue
        view = columns.payloads[payload].records
        for i in range(starts[payload], starts[payload + 1]):
            if categories[i] != NULL_VALUE and rules.column_of(&view[0], categories[i]) < 0:
                found.append(i)
    return found
